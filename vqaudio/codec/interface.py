"""What every audio tokenizer looks like to all that stands above: ours, EnCodec, DAC, Mimi."""

from typing import NamedTuple, Protocol

from torch import Tensor

from vqaudio.core.units import FrameGrid


class AudioTokenizer(Protocol):
    """Audio `b 1 n` <-> audio_codes `b k t`, on a fixed grid."""

    grid: FrameGrid

    @property
    def name(self) -> str:
        """What it is called in stores and tables."""
        ...

    @property
    def num_codebooks(self) -> int:
        """Codes per frame."""
        ...

    @property
    def codebook_size(self) -> int:
        """Codes to choose from in each codebook."""
        ...

    @property
    def weights_sha256(self) -> str:
        """A hash of the weights: two tokenizers with the same one give the same codes."""
        ...

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """audio: `b 1 n` float32 at the grid's rate.  Returns audio_codes `b k t` int64, t = ceil(n / hop)."""
        ...

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """audio_codes: `b k t`, possibly fewer codebooks.  Returns audio `b 1 length` (or t * hop)."""
        ...


class CodecOutput(NamedTuple):
    """What one pass through a codec gives.

    audio `b 1 n` · codes `b k t` int64 · latents and vectors `b d t` before and after the quantizer · commitment: a
    scalar · log_magnitudes `b t f` of a decoder with a Fourier head, in training (see `FourierDecoder.spectrum`).
    """

    audio: Tensor
    codes: Tensor
    latents: Tensor
    vectors: Tensor
    commitment: Tensor
    log_magnitudes: Tensor | None = None
