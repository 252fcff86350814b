"""The configuration of a codec: one frozen dataclass, saved with its weights."""

from dataclasses import dataclass, field

from vqaudio.core.config import chosen_from
from vqaudio.quantizers.ema import EmaConfig
from vqaudio.quantizers.interface import QuantizerConfig
from vqaudio.quantizers.kinds import CONFIGS


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder's section: strided convolutions; the product of the strides is the hop.

    dilations: of the residual units after each stride.  With stem_window > 0 the first stride is taken by a spectral
    stem of that many samples and stem_bands mel bands; with has_level_split the stem normalises the running level
    of the signal, and in a residual stack the codebooks after the first code it.  lookahead_frames: the code of a frame
    may depend on so many frames after it; codes come that much later.
    """

    widths: tuple[int, ...] = (256, 384)
    strides: tuple[int, ...] = (160, 2)
    dilations: tuple[tuple[int, ...], ...] = ((), (1, 3, 9))
    stem_window: int = 640
    stem_bands: int = 100
    has_level_split: bool = True
    lookahead_frames: int = 0


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder's section.

    kind: `fourier` (width, hidden, slow and fast dilations) or `mirror` (widths, strides, dilations).
    """

    kind: str = "fourier"
    lookahead_frames: int = 4
    phase_iterations: int = 24
    width: int = 384
    hidden: int = 768
    slow_dilations: tuple[int, ...] = (1, 3)
    fast_dilations: tuple[int, ...] = (1, 3)
    upsampling: int = 2
    widths: tuple[int, ...] = (256, 128, 64, 32)
    strides: tuple[int, ...] = (2, 4, 5, 8)
    dilations: tuple[int, ...] = (1, 3, 9)


@dataclass(frozen=True)
class CodecConfig:
    """The configuration from which a codec is built, saved with its weights.

    speaker_kind: the source of speaker embeddings.  `table`: a row per speaker, num_speakers of them; none with 0.
    `reference`: a reference encoder of a recording, in training that of the speech itself; num_speakers stays 0.
    """

    name: str = "speech-16k"
    sample_rate_hz: int = 16_000
    latent_width: int = 64
    window_frames: int = 100
    num_speakers: int = 0
    speaker_kind: str = "table"
    speaker_width: int = 64
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    quantizer: QuantizerConfig = field(default_factory=EmaConfig, metadata=chosen_from(CONFIGS))
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    @property
    def hop_samples(self) -> int:
        """Samples per frame: the product of the encoder's strides."""
        hop = 1
        for stride in self.encoder.strides:
            hop *= stride
        return hop
