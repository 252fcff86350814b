import copy

import pytest
import torch

from vqaudio.export.onnx.real import RealFollower, RealHead, RealStem
from vqaudio.nn.fourier import ISTFTHead
from vqaudio.nn.stem import LevelFollower, SpectralStem


@pytest.mark.parametrize("sustain_frames", [0, 1, 8])
@pytest.mark.parametrize("num_frames", [1, 2, 7, 200, 1_025])
def test_the_followed_level_is_the_same_bit_for_bit(num_frames, sustain_frames):
    follower = LevelFollower(100.0, sustain_frames)
    power, state = 10 ** torch.empty(2, num_frames).uniform_(-12, 1), follower.zero_state(torch.zeros(2, 1))
    power[1, 1:] = 1e-12  # a click whose level falls for a thousand frames
    for _ in range(3):
        levels, after = follower.step(power, state)
        found, found_after = RealFollower(follower).step(power, state)
        assert torch.equal(found, levels)
        assert torch.equal(found_after, after)
        power, state = power.flip(1) / 3, after


@pytest.mark.parametrize(("window_samples", "hop"), [(640, 160), (400, 160), (64, 64)])
def test_features_and_levels_are_those_of_the_fast_transform(window_samples, hop):
    sizes = {"window_samples": window_samples, "hop": hop, "num_bands": 20, "has_level_split": True, "soft_share": 0.3}
    stem = SpectralStem(16_000, **sizes)
    real, audio = RealStem(copy.deepcopy(stem)), torch.randn(2, 1, 20 * hop) * 0.1
    audio[1, :, 5 * hop :] = 0
    state = other = stem.zero_state(2)
    for part in audio.split(10 * hop, dim=-1):
        output, state = stem.step(part, state)
        found, other = real.step(part, other)
        torch.testing.assert_close(found.features, output.features, atol=1e-3, rtol=1e-3)
        torch.testing.assert_close(found.levels, output.levels, atol=1e-5, rtol=1e-5)
    assert torch.equal(state[0], other[0])


@pytest.mark.parametrize(("num_iterations", "phase_start"), [(0, "network"), (3, "network"), (2, "gradient")])
def test_sound_is_that_of_complex_frames(num_iterations, phase_start):
    """A few iterations only: in many of them last bits grow, those of the complex frames too."""
    head = ISTFTHead(8, hop=40, num_iterations=num_iterations, phase_start=phase_start)
    torch.nn.init.normal_(head.project.weight)
    real, state, other = RealHead(head), head.zero_state(2), RealHead(head).zero_state(2)
    for _ in range(3):
        x = torch.randn(2, 8, 12)
        sound, state = head.step(x, state)
        found, other = real.step(x, other)
        torch.testing.assert_close(found, sound, atol=1e-4 * sound.abs().max().item(), rtol=1e-3)
    held = torch.cat([state[1].real, state[1].imag], dim=-1)
    torch.testing.assert_close(other[1], held, atol=1e-3 * head.scale, rtol=1e-3)


def test_a_stem_without_a_level_has_none():
    stem = SpectralStem(16_000, window_samples=640, hop=160, num_bands=20)
    found, state = RealStem(copy.deepcopy(stem)).step(torch.randn(1, 1, 320), stem.zero_state(1))
    assert (found.levels, state[1]) == (None, None)
