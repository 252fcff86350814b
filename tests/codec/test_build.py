"""From a configuration to a codec: every setting reaches the networks."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.core.config import from_mapping, to_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaConfig


def traits(config: CodecConfig) -> tuple[Any, ...]:
    """The sizes of a codec with fresh weights, what its encoder hears in noise, and what its decoder makes of it."""
    torch.manual_seed(0)
    codec = build_codec(config).eval().requires_grad_(False)
    torch.manual_seed(1)
    for value in codec.parameters():
        if value.ndim > 1:
            value.copy_(torch.randn(value.shape) * 0.3)
    audio = 0.1 * torch.randn(1, 1, 9_600, generator=torch.Generator().manual_seed(2))
    shapes = {name: tuple(value.shape) for name, value in codec.state_dict().items()}
    rest = (codec.grid, codec.window_frames, codec.encoder.lookahead_frames, codec.decoder.lookahead_frames)
    sound = codec.bypass_quantizer(audio)
    return shapes, rest, codec.encoder(audio).vectors.tolist(), sound.tolist()


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("encoder", {"widths": (16, 32)}),
    ("encoder", {"strides": (80, 4)}),
    ("encoder", {"dilations": ((), (1, 9))}),
    ("encoder", {"stem_window": 320}),
    ("encoder", {"stem_bands": 30}),
    ("encoder", {"has_level_split": False}),
    ("encoder", {"soft_share": 0.5}),
    ("encoder", {"sustain_frames": 4}),
    ("encoder", {"lookahead_frames": 2}),
    ("decoder", {"lookahead_frames": 3}),
    ("decoder", {"phase_iterations": 1}),
    ("decoder", {"phase_start": "gradient"}),
    ("decoder", {"width": 16}),
    ("decoder", {"hidden": 32}),
    ("decoder", {"slow_dilations": (3,)}),
    ("decoder", {"fast_dilations": (3,)}),
    ("decoder", {"upsampling": 4}),
    ("quantizer", {"num_codebooks": 1}),
    ("quantizer", {"codebook_size": 32}),
    ("", {"sample_rate_hz": 24_000}),
    ("", {"latent_width": 8}),
    ("", {"window_frames": 10}),
    ("", {"num_speakers": 3}),
    ("", {"speaker_kind": "reference"}),
]


@pytest.mark.parametrize(("section", "change"), CHANGES)
def test_every_setting_makes_another_codec(config, section, change):
    changed = replace(config, **{section: replace(getattr(config, section), **change)} if section else change)
    assert traits(changed) != traits(config) == traits(config)


@pytest.mark.parametrize("change", [{"widths": (8, 8)}, {"strides": (16, 20)}, {"dilations": (1, 3)}])
def test_every_setting_of_a_mirror_makes_another_codec(config, change):
    decoder = replace(config.decoder, kind="mirror", widths=(16, 8), strides=(20, 16), dilations=(1,))
    mirrored, other = (replace(config, decoder=made) for made in (decoder, replace(decoder, **change)))
    assert traits(mirrored) != traits(other)


@pytest.mark.parametrize("kind", ["table", "reference"])
def test_the_width_of_speakers_reaches_both_ends(config, kind):
    voiced = replace(config, speaker_kind=kind, num_speakers=3 if kind == "table" else 0)
    assert traits(replace(voiced, speaker_width=6))[0] != traits(voiced)[0]


@pytest.mark.parametrize(("codebooks", "is_sent"), [(1, False), (2, True)])
def test_the_level_is_sent_where_codebooks_after_the_first_can_code_it(config, codebooks, is_sent):
    codec = build_codec(replace(config, quantizer=EmaConfig(num_codebooks=codebooks, codebook_size=16)))
    assert (codec.encoder(torch.randn(1, 1, 3_200)).level_offset is not None) is is_sent


def test_without_a_stem_the_first_stride_is_a_convolutions(config):
    plain = build_codec(replace(config, encoder=replace(config.encoder, stem_window=0)))
    assert plain.encoder.stem is None
    assert build_codec(config).encoder.stem is not None


def test_kinds_that_there_are_not_are_answered_with_those_that_there_are(config):
    with pytest.raises(VqaudioError, match="unknown decoder kind 'vocoder'; valid are fourier, mirror"):
        build_codec(replace(config, decoder=replace(config.decoder, kind="vocoder")))
    decoder = replace(config.decoder, kind="mirror", widths=(16, 8), strides=(20, 16))
    with pytest.raises(VqaudioError, match="speaker_kind `reference` needs"):
        build_codec(replace(config, speaker_kind="reference", decoder=decoder))
    with pytest.raises(VqaudioError, match="speaker_kind `reference` needs num_speakers 0"):
        build_codec(replace(config, speaker_kind="reference", num_speakers=2))


@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        ("sample_rate_hz", (1_000, 1_000_000), (999, 1_000_001)),
        ("latent_width", (1, 8_192), (0, 8_193)),
        ("window_frames", (1, 100_000), (0, 100_001)),
        ("num_speakers", (0, 100_000), (-1, 100_001)),
        ("encoder.lookahead_frames", (0, 1_000), (-1, 1_001)),
        ("encoder.stem_window", (0, 65_536), (-1, 65_537)),
        ("encoder.soft_share", (0.0, 1.0), (-0.1, 1.1)),
    ],
)
def test_sizes_that_only_a_damaged_file_has_are_refused(config, field, accepted, refused):
    section, _, name = field.rpartition(".")

    def read(value: float) -> CodecConfig:
        mapping = to_mapping(config)
        (mapping[section] if section else mapping)[name] = value
        return from_mapping(CodecConfig, mapping)

    for value in accepted:
        found = read(value)
        assert getattr(found.encoder if section else found, name) == value
    for value in refused:
        with pytest.raises(VqaudioError, match=name):
            read(value)
