"""The configuration of a codec: one frozen dataclass, saved with its weights."""

from dataclasses import dataclass, field

from vqaudio.core.config import between, chosen_from
from vqaudio.quantizers.ema import EmaConfig
from vqaudio.quantizers.interface import QuantizerConfig
from vqaudio.quantizers.kinds import CONFIGS

# A width, stride, dilation or number of frames; more would be a damaged file, and fill the memory.
SIZES, FRAMES = between(1, 8_192), between(0, 1_000)


@dataclass(frozen=True)
class EncoderConfig:
    """The encoder's section: strided convolutions; the product of the strides is the hop.

    widths: channels after each stride.  strides: of the convolutions.  dilations: of the residual units after each
    stride.  stem_window: samples of a spectral stem that takes the first stride; 0 for none.  stem_bands: its mel
    bands.  has_level_split: the stem normalises the running level of the signal, and in a residual stack the codebooks
    after the first code it.  sustain_frames: of the stem, that a sound must last to hold the level for long; 0 lets a
    click hold it, see `LevelFollower`.  soft_share: of levels below the stem's floor, see `SpectralStem`.
    lookahead_frames: the code of a frame may depend on so many frames after it; codes come that much later.
    """

    widths: tuple[int, ...] = field(default=(256, 384), metadata=SIZES)
    strides: tuple[int, ...] = field(default=(160, 2), metadata=SIZES)
    dilations: tuple[tuple[int, ...], ...] = field(default=((), (1, 3, 9)), metadata=SIZES)
    stem_window: int = field(default=640, metadata=between(0, 65_536))
    stem_bands: int = field(default=100, metadata=SIZES)
    has_level_split: bool = True
    sustain_frames: int = field(default=0, metadata=FRAMES)
    soft_share: float = field(default=0.0, metadata=between(0, 1))
    lookahead_frames: int = field(default=0, metadata=FRAMES)


@dataclass(frozen=True)
class DecoderConfig:
    """The decoder's section.

    kind: `fourier` (width, hidden, slow and fast dilations) or `mirror` (widths, strides, dilations).
    lookahead_frames: sound may depend on so many frames after it; it comes that much later.
    phase_iterations: of fast Griffin-Lim, when speech is decoded.  phase_start: what they start from, phases of the
    `network` or integrated from the `gradient` of the magnitudes.  width: channels of the ConvNeXt blocks.
    hidden: channels inside them.  slow_dilations: of the blocks at the frame rate.
    fast_dilations: of those at `upsampling` times that rate.  upsampling: spectra for each frame.
    widths, strides, dilations: as the encoder's, in the decoder's own order.
    pitch_steps: of the pitch that a `fourier` decoder takes beside the codes, see `vqaudio.codec.pitch.coder`; 0: none.
    pitch_dropout: the share of recordings in training whose pitch the decoder is not given.
    """

    kind: str = "fourier"
    lookahead_frames: int = field(default=4, metadata=FRAMES)
    phase_iterations: int = field(default=24, metadata=FRAMES)
    phase_start: str = "network"
    width: int = field(default=384, metadata=SIZES)
    hidden: int = field(default=768, metadata=SIZES)
    slow_dilations: tuple[int, ...] = field(default=(1, 3), metadata=SIZES)
    fast_dilations: tuple[int, ...] = field(default=(1, 3), metadata=SIZES)
    upsampling: int = field(default=2, metadata=SIZES)
    widths: tuple[int, ...] = field(default=(256, 128, 64, 32), metadata=SIZES)
    strides: tuple[int, ...] = field(default=(2, 4, 5, 8), metadata=SIZES)
    dilations: tuple[int, ...] = field(default=(1, 3, 9), metadata=SIZES)
    pitch_steps: int = field(default=0, metadata=between(0, 4_096))
    pitch_dropout: float = field(default=0.15, metadata=between(0, 1))


@dataclass(frozen=True)
class CodecConfig:
    """The configuration from which a codec is built, saved with its weights.

    name: of the codec in stores.  sample_rate_hz: of the sound.  latent_width: dimensions of a codebook's vectors.
    window_frames: all tokenization runs in windows of so many.  num_speakers: of a `table`.
    speaker_width: dimensions of a speaker embedding.
    speaker_kind: the source of speaker embeddings.  `table`: a row per speaker, num_speakers of them; none with 0.
    `reference`: a reference encoder of a recording, in training that of the speech itself; num_speakers stays 0.
    """

    name: str = "speech-16k"
    sample_rate_hz: int = field(default=16_000, metadata=between(1_000, 1_000_000))
    latent_width: int = field(default=64, metadata=SIZES)
    window_frames: int = field(default=100, metadata=between(1, 100_000))
    num_speakers: int = field(default=0, metadata=between(0, 100_000))
    speaker_kind: str = "table"
    speaker_width: int = field(default=64, metadata=SIZES)
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
