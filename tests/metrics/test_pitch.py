"""Agreement of F0 contours that are known."""

import numpy as np
import pytest

from vqaudio.metrics.pitch import compare_pitch

RATE_HZ = 16_000


def glide(seed: int, seconds: float = 1.0) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return 150 + 40 * np.sin(2 * np.pi * 1.5 * time_s + seed)


def test_a_louder_copy_agrees_fully_and_another_melody_does_not(voice) -> None:
    original = voice(glide(0))
    same, other = compare_pitch(original, 3 * original, RATE_HZ), compare_pitch(original, voice(glide(3)), RATE_HZ)
    assert same.f0_correlation == pytest.approx(1)
    assert same.voicing_error == 0
    assert other.f0_correlation < -0.5


def test_voicing_error_is_the_share_of_time_that_was_whispered(voice) -> None:
    original = voice(glide(0, seconds=2.0))
    whispered = original.copy()
    whispered[RATE_HZ:] = np.random.default_rng(0).normal(0, 0.05, RATE_HZ)
    assert compare_pitch(original, whispered, RATE_HZ).voicing_error == pytest.approx(0.5, abs=0.04)


def test_too_few_voiced_frames_give_no_correlation(voice) -> None:
    original = voice(glide(0))[:800]
    assert np.isnan(compare_pitch(original, original, RATE_HZ).f0_correlation)
    assert all(np.isnan(compare_pitch(original[:0], original[:0], RATE_HZ)))
