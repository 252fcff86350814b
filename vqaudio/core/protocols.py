"""What neighbouring folders know of a codec without importing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vqaudio.core.units import FrameGrid

if TYPE_CHECKING:  # the ground floor starts without torch
    import torch
    from torch import Tensor


class AudioTokenizer(Protocol):
    """Audio `b 1 n` <-> audio_codes `b k t`, on a fixed grid: ours, EnCodec, DAC, Mimi."""

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
    scalar · log_magnitudes `b t f` of a decoder with an inverse-STFT head, in training (see `FourierDecoder.spectrum`).
    """

    audio: Tensor
    codes: Tensor
    latents: Tensor
    vectors: Tensor
    commitment: Tensor
    log_magnitudes: Tensor | None = None


class NeuralCodec(AudioTokenizer, Protocol):
    """A tokenizer whose parts are known: encoder, quantizer and decoder on one grid, and who speaks.

    reference: hears the voice of a recording, or None.  known_speakers: those whom it knows by name, or None.
    window_frames: of the windows that all tokenization runs in.
    """

    encoder: Any
    quantizer: Any
    decoder: Any
    reference: Any
    known_speakers: Any

    @property
    def window_frames(self) -> int:
        """Frames of one encoder window."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def __call__(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> CodecOutput:
        """One pass with everything that losses look at."""
        ...

    def speaker_embeddings(
        self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None = None
    ) -> Tensor | None:
        """What the decoder must be told to give audio `b 1 n` back in the voices that it has: `b e`, or None."""
        ...

    def decode(
        self,
        audio_codes: Tensor,
        length: int | None = None,
        speakers: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
    ) -> Tensor:
        """audio_codes: `b k t`.  Returns `b 1 length`, in the voices of the embeddings `b e`."""
        ...
