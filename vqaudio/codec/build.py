"""Construction of a codec from its configuration: the only place where a name becomes a class."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from vqaudio.codec.config import CodecConfig
from vqaudio.codec.model import Codec
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.decoder import ConvDecoder, FourierDecoder
from vqaudio.nn.encoder import Encoder
from vqaudio.nn.fourier import ISTFTHead
from vqaudio.nn.pitch import PitchConditioning
from vqaudio.nn.pitch_predictor import PitchPredictor
from vqaudio.nn.reference import ReferenceEncoder
from vqaudio.nn.stem import SpectralStem
from vqaudio.quantizers.kinds import build_quantizer

Builder = TypeVar("Builder")


def build_codec(config: CodecConfig) -> Codec:
    """Build a codec with fresh weights.  Raises VqaudioError for an unknown kind or sizes that do not fit together."""
    return Codec(
        _encoder(config),
        build_quantizer(config.quantizer, config.latent_width),
        _choose(DECODERS, config.decoder.kind, "decoder")(config),
        FrameGrid(config.sample_rate_hz, config.hop_samples),
        config=config,
        pitch_predictor=_pitch_predictor(config) if config.decoder.pitch_steps else None,
        reference=_choose(SPEAKER_KINDS, config.speaker_kind, "speaker")(config),
    )


def _encoder(config: CodecConfig) -> Encoder:
    encoder, stem = config.encoder, None
    if encoder.stem_window:
        stem = SpectralStem(
            config.sample_rate_hz,
            window_samples=encoder.stem_window,
            hop=encoder.strides[0],
            num_bands=encoder.stem_bands,
            has_level_split=encoder.has_level_split,
            sustain_frames=encoder.sustain_frames,
            soft_share=encoder.soft_share,
        )
    return Encoder(
        widths=encoder.widths,
        strides=encoder.strides,
        dilations=encoder.dilations,
        latent_width=config.latent_width,
        stem=stem,
        stem_bands=encoder.stem_bands,
        is_level_sent=config.quantizer.num_codebooks > 1,  # the codebooks after the first code it
        lookahead_frames=encoder.lookahead_frames,
    )


def _fourier(config: CodecConfig) -> FourierDecoder:
    decoder = config.decoder
    conditioning = None
    if config.num_speakers or config.speaker_kind == "reference":
        unit_widths = (decoder.width,) * (len(decoder.slow_dilations) + len(decoder.fast_dilations))
        conditioning = SpeakerConditioning(
            config.num_speakers, embedding_width=config.speaker_width, unit_widths=unit_widths
        )
    head = ISTFTHead(
        decoder.width,
        hop=config.hop_samples // decoder.upsampling,
        num_iterations=decoder.phase_iterations,
        phase_start=decoder.phase_start,
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
        pitch=_pitch(config, head) if decoder.pitch_steps else None,
    )


def _pitch(config: CodecConfig, head: ISTFTHead) -> PitchConditioning:
    decoder = config.decoder
    return PitchConditioning(
        decoder.pitch_steps,
        width=decoder.width,
        sample_rate_hz=config.sample_rate_hz,
        n_fft=head.n_fft,
        upsampling=decoder.upsampling,
        dropout=decoder.pitch_dropout,
    )


def _pitch_predictor(config: CodecConfig) -> PitchPredictor:
    has_voices = config.num_speakers or config.speaker_kind == "reference"
    return PitchPredictor(
        config.decoder.pitch_steps,
        latent_width=config.latent_width,
        embedding_width=config.speaker_width if has_voices else 0,
    )


def _mirror(config: CodecConfig) -> ConvDecoder:
    decoder = config.decoder
    if decoder.pitch_steps:
        raise VqaudioError("a `mirror` decoder takes no pitch; set decoder.pitch_steps=0 or decoder.kind=fourier")
    return ConvDecoder(
        widths=decoder.widths,
        strides=decoder.strides,
        dilations=decoder.dilations,
        latent_width=config.latent_width,
        lookahead_frames=decoder.lookahead_frames,
    )


DECODERS = {"fourier": _fourier, "mirror": _mirror}


def _table(config: CodecConfig) -> None:
    """Build nothing: the table of speaker embeddings is a part of the decoder."""


def _reference(config: CodecConfig) -> ReferenceEncoder:
    if config.num_speakers or config.decoder.kind != "fourier":
        raise VqaudioError(
            f"speaker_kind `reference` needs num_speakers 0, for it has no table, and a `fourier` decoder; "
            f"got {config.num_speakers} and `{config.decoder.kind}`"
        )
    rate_hz, num_bands = config.sample_rate_hz, 80
    stem = SpectralStem(rate_hz, window_samples=rate_hz // 25, hop=rate_hz // 50, num_bands=num_bands)
    return ReferenceEncoder(stem, num_bands=num_bands, hidden=128, embedding_width=config.speaker_width)


SPEAKER_KINDS: dict[str, Callable[[CodecConfig], ReferenceEncoder | None]] = {"table": _table, "reference": _reference}


def _choose(table: Mapping[str, Callable[..., Builder]], kind: str, what: str) -> Callable[..., Builder]:
    if kind not in table:
        raise VqaudioError(f"unknown {what} kind {kind!r}; valid are {', '.join(sorted(table))}")
    return table[kind]
