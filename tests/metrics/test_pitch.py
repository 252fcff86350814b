"""F0 of signals whose F0 is known."""

import numpy as np
import pytest

from vqaudio.metrics.pitch import compare_pitch, track_f0

RATE_HZ = 16_000


def voice(f0_hz: np.ndarray) -> np.ndarray:
    """Harmonics below 3 kHz of an F0 that is given for every sample."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    return 0.1 * np.sum([np.sin(order * phase) / order for order in range(1, 8)], axis=0)


def glide(seed: int, seconds: float = 1.0) -> np.ndarray:
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return 150 + 40 * np.sin(2 * np.pi * 1.5 * time_s + seed)


@pytest.mark.parametrize("f0_hz", [70.0, 133.3, 220.0, 390.0])
def test_f0_of_steady_voices_is_found_within_half_a_percent(f0_hz: float) -> None:
    found = track_f0(voice(np.full(RATE_HZ, f0_hz)), RATE_HZ)[5:-5]
    np.testing.assert_allclose(found, f0_hz, rtol=0.005)


def test_a_glide_is_followed_at_its_own_time() -> None:
    f0_hz = glide(0)
    found = track_f0(voice(f0_hz), RATE_HZ)
    wanted = f0_hz[:: RATE_HZ // 100]
    assert np.nanmax(np.abs(np.log(found[5:-5] / wanted[5:-5]))) < 0.03


def test_noise_and_silence_and_a_voice_below_the_gate_are_unvoiced() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
    assert np.isnan(track_f0(noise, RATE_HZ)).mean() > 0.95
    assert np.isnan(track_f0(np.zeros(RATE_HZ), RATE_HZ)).all()
    loud_then_quiet = voice(np.full(RATE_HZ, 150.0)) * np.where(np.arange(RATE_HZ) < 8000, 1, 1e-4)
    found = track_f0(loud_then_quiet, RATE_HZ)
    assert np.isfinite(found[5:40]).all()
    assert np.isnan(found[60:]).all()


@pytest.mark.parametrize(("level_db", "is_voiced"), [(-20, True), (-30, True), (-38, True), (-42, False)])
def test_the_gate_stands_forty_decibels_below_the_loudest_frame(level_db: float, is_voiced: bool) -> None:
    samples = voice(np.full(2 * RATE_HZ, 150.0))
    samples[RATE_HZ:] *= 10 ** (level_db / 20)
    quiet = track_f0(samples, RATE_HZ)[110:-10]
    assert np.isfinite(quiet).all() if is_voiced else np.isnan(quiet).all()
    assert not is_voiced or np.abs(quiet - 150).max() < 1


def test_a_louder_copy_agrees_fully_and_another_melody_does_not() -> None:
    original = voice(glide(0))
    same, other = compare_pitch(original, 3 * original, RATE_HZ), compare_pitch(original, voice(glide(3)), RATE_HZ)
    assert same.f0_correlation == pytest.approx(1)
    assert same.voicing_error == 0
    assert other.f0_correlation < -0.5


def test_voicing_error_is_the_share_of_time_that_was_whispered() -> None:
    original = voice(glide(0, seconds=2.0))
    whispered = original.copy()
    whispered[RATE_HZ:] = np.random.default_rng(0).normal(0, 0.05, RATE_HZ)
    assert compare_pitch(original, whispered, RATE_HZ).voicing_error == pytest.approx(0.5, abs=0.04)


def test_too_few_voiced_frames_give_no_correlation() -> None:
    original = voice(glide(0))[:800]
    assert np.isnan(compare_pitch(original, original, RATE_HZ).f0_correlation)
    assert all(np.isnan(compare_pitch(original[:0], original[:0], RATE_HZ)))
