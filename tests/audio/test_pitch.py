"""F0 of signals whose F0 is known."""

import numpy as np
import pytest

from vqaudio.audio.pitch import track_f0

RATE_HZ = 16_000


@pytest.mark.parametrize("f0_hz", [70.0, 133.3, 220.0, 390.0])
def test_f0_of_steady_voices_is_found_within_half_a_percent(f0_hz: float, voice) -> None:
    found = track_f0(voice(np.full(RATE_HZ, f0_hz)), RATE_HZ)[5:-5]
    np.testing.assert_allclose(found, f0_hz, rtol=0.005)


def test_a_glide_is_followed_at_its_own_time(voice) -> None:
    f0_hz = 150 + 40 * np.sin(2 * np.pi * 1.5 * np.arange(RATE_HZ) / RATE_HZ)
    found = track_f0(voice(f0_hz), RATE_HZ)
    wanted = f0_hz[:: RATE_HZ // 100]
    assert np.nanmax(np.abs(np.log(found[5:-5] / wanted[5:-5]))) < 0.03


def test_noise_and_silence_and_a_voice_below_the_gate_are_unvoiced(voice) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
    assert np.isnan(track_f0(noise, RATE_HZ)).mean() > 0.95
    assert np.isnan(track_f0(np.zeros(RATE_HZ), RATE_HZ)).all()
    loud_then_quiet = voice(np.full(RATE_HZ, 150.0)) * np.where(np.arange(RATE_HZ) < 8000, 1, 1e-4)
    found = track_f0(loud_then_quiet, RATE_HZ)
    assert np.isfinite(found[5:40]).all()
    assert np.isnan(found[60:]).all()


@pytest.mark.parametrize(("level_db", "is_voiced"), [(-20, True), (-30, True), (-38, True), (-42, False)])
def test_the_gate_stands_forty_decibels_below_the_loudest_frame(level_db: float, is_voiced: bool, voice) -> None:
    samples = voice(np.full(2 * RATE_HZ, 150.0))
    samples[RATE_HZ:] *= 10 ** (level_db / 20)
    quiet = track_f0(samples, RATE_HZ)[110:-10]
    assert np.isfinite(quiet).all() if is_voiced else np.isnan(quiet).all()
    assert not is_voiced or np.abs(quiet - 150).max() < 1
