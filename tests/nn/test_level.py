"""The running level: how it moves, and that nothing but it depends on the volume."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.nn.encoder import Encoder
from vqaudio.nn.stem import NOMINAL, QUIETEST, LevelFollower, SpectralStem


def follow(power, sustain_frames=0):
    follower = LevelFollower(100, sustain_frames)
    return follower.step(power, follower.zero_state(power))[0]


def loud_then_quiet():
    return torch.randn(2, 1, 16_000) * torch.cat([torch.full((8_000,), 0.3), torch.full((8_000,), 0.003)])


def test_the_level_rises_at_once_and_falls_by_ten_decibels_a_second():
    levels = follow(torch.cat([torch.full((1, 1), 1e-6), torch.full((1, 1), 1.0), torch.full((1, 100), 1e-9)], dim=1))
    assert_close(levels[0, :2], torch.tensor([-3.0, 0.0]))
    assert_close(levels[0, 101], torch.tensor(-0.5))


def test_the_level_of_silence_is_the_quietest_however_long_it_lasts():
    assert_close(follow(torch.zeros(1, 500)), torch.full((1, 500), QUIETEST))


def test_a_click_does_not_hold_the_level_and_what_lasts_does():
    speech, loud = torch.full((1, 400), 1e-4), torch.ones(1, 400)
    click = torch.where(torch.arange(400) // 5 == 20, loud, speech)  # five frames, 50 ms
    lasting = torch.where(torch.arange(400) // 10 == 10, loud, speech)  # ten frames
    assert_close(follow(click, 8)[0, [99, 104, 124, 154]], torch.tensor([-2.0, 0.0, -1.0, -2.0]))
    assert_close(follow(lasting, 8)[0, [109, 209, 309]], torch.tensor([0.0, -0.5, -1.0]))
    assert_close(follow(click)[0, 204], torch.tensor(-0.5))
    assert_close(follow(click, 1), follow(click))


@pytest.mark.parametrize("sustain_frames", [0, 8])
def test_more_volume_moves_every_level_alike_and_no_feature(sustain_frames):
    sizes = {"window_samples": 640, "hop": 160, "num_bands": 40}
    stem = SpectralStem(16_000, **sizes, has_level_split=True, sustain_frames=sustain_frames)
    audio = loud_then_quiet()
    loud, soft = stem(audio), stem(audio / 4)
    assert_close(loud.levels - soft.levels, torch.full_like(loud.levels, 0.60206), atol=1e-4, rtol=0)
    assert_close(loud.features, soft.features, atol=1e-3, rtol=0)


def test_a_sinusoid_of_the_nominal_amplitude_has_level_zero():
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=40, has_level_split=True)
    tone = 10**NOMINAL * torch.sin(torch.arange(6_400) * 2 * torch.pi * 1_000 / 16_000)[None, None]
    assert_close(stem(tone).levels[0, 10:], torch.zeros(30), atol=1e-3, rtol=0)


@pytest.mark.parametrize("lookahead_frames", [0, 2])
def test_a_frame_sends_the_level_that_it_ends_with(lookahead_frames):
    """A tone that rises within frames: their first, last and mean levels all differ."""
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=40, has_level_split=True)
    shape = {"widths": (8, 8), "strides": (160, 4), "dilations": ((), (1,)), "latent_width": 4}
    encoder = Encoder(**shape, stem=stem, stem_bands=40, is_level_sent=True, lookahead_frames=lookahead_frames)
    rising = torch.logspace(-3, -0.5, 640 * 10) * torch.sin(torch.arange(640 * 10) * 2 * torch.pi * 1_000 / 16_000)
    levels, offset = stem(rising[None, None]).levels, encoder(rising[None, None]).level_offset
    assert encoder.level is not None
    assert (levels.diff() > 0).all()
    assert_close(offset, encoder.level[:, None] * levels[:, None, 3::4])


@pytest.mark.parametrize("sustain_frames", [0, 1, 5, 20])
def test_the_level_goes_on_where_a_block_ended(sustain_frames):
    power, follower = 10 ** torch.linspace(-2, -6, 60).repeat(2, 1), LevelFollower(100, sustain_frames)
    power[1] = power[1].flip(0)
    state, parts = follower.zero_state(power), []
    for block in power.split(7, dim=-1):
        levels, state = follower.step(block, state)
        parts.append(levels)
        assert torch.equal(state[:, :2].amax(dim=1, keepdim=True), levels[:, -1:])
    assert_close(torch.cat(parts, dim=-1), follow(power, sustain_frames))


def test_an_encoder_sends_the_level_apart_from_the_vectors():
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=40, has_level_split=True)
    shape = {"widths": (8, 8), "strides": (160, 2), "dilations": ((), (1,)), "latent_width": 4}
    encoder, audio = Encoder(**shape, stem=stem, stem_bands=40, is_level_sent=True), loud_then_quiet()
    loud, soft = encoder(audio), encoder(audio / 10)
    assert_close(loud.vectors, soft.vectors, atol=1e-2, rtol=1e-3)
    assert encoder.level is not None
    assert_close(
        loud.level_offset - soft.level_offset, encoder.level[:, None].expand_as(loud.level_offset), atol=1e-3, rtol=1e-3
    )
    assert Encoder(**shape, stem=stem, stem_bands=40)(audio).level_offset is None
