"""The interfaces of codecs, for folders that must not import one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vqaudio.core.units import FrameGrid

if TYPE_CHECKING:  # the ground floor starts without torch
    import torch
    from torch import Tensor


class AudioTokenizer(Protocol):
    """An audio tokenizer, audio `b 1 n` <-> audio_codes `b k t`, on a fixed grid: ours, EnCodec, DAC, Mimi."""

    grid: FrameGrid

    @property
    def name(self) -> str:
        """Name of the tokenizer in stores and tables."""
        ...

    @property
    def num_codebooks(self) -> int:
        """Codes per frame."""
        ...

    @property
    def codebook_size(self) -> int:
        """Codes per codebook."""
        ...

    @property
    def weights_sha256(self) -> str:
        """Hash of the weights."""
        ...

    @property
    def config_sha256(self) -> str:
        """Hash of the configuration: two tokenizers that share it and the weights give the same codes and sound."""
        ...

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Encode audio `b 1 n` float32 at the grid's rate to audio_codes `b k t` int64, t = ceil(n / hop)."""
        ...

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """Decode audio_codes `b k t`, possibly of fewer codebooks, to audio `b 1 length` (or t * hop)."""
        ...


class CodecOutput(NamedTuple):
    """The output of one pass through a codec.

    audio `b 1 n` · codes `b k t` int64 · latents and vectors `b d t` before and after the quantizer · commitment: a
    scalar · log_magnitudes `b t f` of a decoder with an inverse-STFT head, in training (see `FourierDecoder.spectrum`)
    · pitch: a scalar, in training, of a codec that predicts pitch (see `vqaudio.nn.pitch_predictor`).
    """

    audio: Tensor
    codes: Tensor
    latents: Tensor
    vectors: Tensor
    commitment: Tensor
    log_magnitudes: Tensor | None = None
    pitch: Tensor | None = None


class NeuralCodec(AudioTokenizer, Protocol):
    """A neural codec: encoder, quantizer and decoder on one grid, with speaker embeddings.

    reference: the encoder of speaker embeddings, or None.  known_speakers: those with a name, or None.
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
        """Device of the weights."""
        ...

    def __call__(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> CodecOutput:
        """Encode, quantize and decode in one pass, with everything that losses need."""
        ...

    def speaker_embeddings(
        self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None = None
    ) -> Tensor | None:
        """Compute the speaker embeddings `b e` with which audio `b 1 n` is decoded in its own voices, or None."""
        ...

    def own_pitch(self, audio: Tensor, lengths: Tensor | None = None) -> Any:
        """Encode the pitch with which audio `b 1 n` is decoded in its own voices; None for a codec that takes none."""
        ...

    def decode(
        self,
        audio_codes: Tensor,
        length: int | None = None,
        speakers: Tensor | None = None,
        *,
        embeddings: Tensor | None = None,
        pitch: Any = None,
    ) -> Tensor:
        """Decode audio_codes `b k t` to audio `b 1 length`, with speaker embeddings `b e` and what `own_pitch` gave."""
        ...
