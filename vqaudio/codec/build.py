"""CodecConfig -> Codec: the only place where a name becomes a class."""

from dataclasses import dataclass, field

from vqaudio.codec.model import Codec
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.decoder import FourierDecoder, MirrorDecoder
from vqaudio.nn.encoder import Encoder
from vqaudio.nn.fourier import FourierHead
from vqaudio.nn.stem import SpectralStem
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.finite_scalar import FiniteScalarQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.interface import Quantizer
from vqaudio.quantizers.residual import ResidualQuantizer


@dataclass(frozen=True)
class EncoderConfig:
    """Strided convolutions; the product of the strides is the hop.

    With stem_window > 0 the first stride is taken by a spectral stem of that many samples and stem_bands mel bands.
    """

    widths: tuple[int, ...] = (256, 384)
    strides: tuple[int, ...] = (160, 2)
    dilations: tuple[int, ...] = (1, 3, 9)
    stem_window: int = 640
    stem_bands: int = 100


@dataclass(frozen=True)
class QuantizerConfig:
    """kind: `ema`, `gradient` or `finite_scalar`; more than one codebook makes a residual stack."""

    kind: str = "ema"
    num_codebooks: int = 8
    codebook_size: int = 1024
    decay: float = 0.99
    revive_below: float = 0.1
    projection_width: int | None = None
    is_l2_normalized: bool = False
    has_rotation_trick: bool = False
    dropout: float = 0.5
    levels: tuple[int, ...] = (8, 8, 8, 5)


@dataclass(frozen=True)
class DecoderConfig:
    """kind: `fourier` (width, hidden, slow and fast dilations) or `mirror` (widths, strides, dilations)."""

    kind: str = "fourier"
    lookahead_frames: int = 4
    phase_iterations: int = 16
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
    """Everything that is needed to build a codec, saved with its weights."""

    name: str = "speech-16k"
    sample_rate_hz: int = 16_000
    latent_width: int = 64
    window_frames: int = 100
    num_speakers: int = 0
    speaker_width: int = 64
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    @property
    def hop_samples(self) -> int:
        """The product of the encoder's strides."""
        hop = 1
        for stride in self.encoder.strides:
            hop *= stride
        return hop


def build_codec(config: CodecConfig) -> Codec:
    """A codec with fresh weights.  Raises VqaudioError for an unknown kind or sizes that do not fit together."""
    return Codec(
        _encoder(config),
        build_quantizer(config.quantizer, config.latent_width),
        _choose(DECODERS, config.decoder.kind, "decoder")(config),
        FrameGrid(config.sample_rate_hz, config.hop_samples),
        window_frames=config.window_frames,
        name=config.name,
    )


def _encoder(config: CodecConfig) -> Encoder:
    encoder, stem = config.encoder, None
    if encoder.stem_window:
        stem = SpectralStem(
            config.sample_rate_hz,
            window_samples=encoder.stem_window,
            hop=encoder.strides[0],
            num_bands=encoder.stem_bands,
        )
    return Encoder(
        widths=encoder.widths,
        strides=encoder.strides,
        dilations=encoder.dilations,
        latent_width=config.latent_width,
        stem=stem,
        stem_bands=encoder.stem_bands,
    )


def build_quantizer(config: QuantizerConfig, width: int) -> Quantizer:
    """A quantizer for vectors `... width`."""
    if config.kind == "finite_scalar":
        return FiniteScalarQuantizer(width, config.levels)
    single = _choose({"ema": _ema, "gradient": _gradient}, config.kind, "quantizer")
    if config.num_codebooks == 1:
        return single(config, width)
    return ResidualQuantizer([single(config, width) for _ in range(config.num_codebooks)], dropout=config.dropout)


def _ema(config: QuantizerConfig, width: int) -> EmaQuantizer:
    return EmaQuantizer(
        width,
        config.codebook_size,
        decay=config.decay,
        revive_below=config.revive_below,
        projection_width=config.projection_width,
        l2_normalized=config.is_l2_normalized,
        rotation_trick=config.has_rotation_trick,
    )


def _gradient(config: QuantizerConfig, width: int) -> GradientQuantizer:
    return GradientQuantizer(width, config.codebook_size)


def _fourier(config: CodecConfig) -> FourierDecoder:
    decoder = config.decoder
    conditioning = None
    if config.num_speakers:
        unit_widths = (decoder.width,) * (len(decoder.slow_dilations) + len(decoder.fast_dilations))
        conditioning = SpeakerConditioning(
            config.num_speakers, embedding_width=config.speaker_width, unit_widths=unit_widths
        )
    head = FourierHead(
        decoder.width, hop=config.hop_samples // decoder.upsampling, num_iterations=decoder.phase_iterations
    )
    return FourierDecoder(
        head,
        width=decoder.width,
        hidden=decoder.hidden,
        dilations=(decoder.slow_dilations, decoder.fast_dilations),
        latent_width=config.latent_width,
        network_lookahead=decoder.lookahead_frames,
        upsampling=decoder.upsampling,
        conditioning=conditioning,
    )


def _mirror(config: CodecConfig) -> MirrorDecoder:
    decoder = config.decoder
    return MirrorDecoder(
        widths=decoder.widths,
        strides=decoder.strides,
        dilations=decoder.dilations,
        latent_width=config.latent_width,
        lookahead_frames=decoder.lookahead_frames,
    )


DECODERS = {"fourier": _fourier, "mirror": _mirror}


def _choose(table: dict, kind: str, what: str):
    if kind not in table:
        raise VqaudioError(f"unknown {what} kind {kind!r}; valid are {', '.join(sorted(table))}")
    return table[kind]
