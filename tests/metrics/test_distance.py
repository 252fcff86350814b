"""Distances between waveforms, on signals whose answer is known."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import magnitudes, mel_bank, mel_distance_db, si_sdr_db, stft_distance

RATE_HZ = 16_000


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)


@pytest.mark.parametrize("distance", [lambda a, b: mel_distance_db(a, b, RATE_HZ), stft_distance])
def test_a_signal_is_at_no_distance_from_itself_and_farther_from_a_noisier_copy(distance, noise) -> None:
    other = np.random.default_rng(1).normal(0, 0.1, RATE_HZ).astype(np.float32)
    distances = [distance(noise, noise + share * other) for share in (0.0, 0.1, 0.5)]
    assert distances[0] == 0
    assert distances[0] < distances[1] < distances[2]


def test_half_the_amplitude_is_six_db_away_in_mel(noise) -> None:
    assert mel_distance_db(noise, noise / 2, RATE_HZ) == pytest.approx(20 * np.log10(2), abs=0.05)


def test_what_lies_under_the_floor_counts_as_silence() -> None:
    hiss = np.random.default_rng(0).normal(0, 1e-6, RATE_HZ).astype(np.float32)
    assert mel_distance_db(hiss, np.zeros_like(hiss), RATE_HZ) == 0


def test_a_full_scale_sine_has_magnitude_one_in_its_bin() -> None:
    sine = np.sin(2 * np.pi * 1000 * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    spectrum = magnitudes(sine, 1024, 256, 600)
    assert spectrum.shape == (1 + RATE_HZ // 256, 513)
    assert np.argmax(spectrum[20]) == 64
    assert spectrum[20, 64] == pytest.approx(1, abs=1e-3)


def test_neighbouring_mel_bands_share_every_bin_between_the_outermost_centres() -> None:
    bank = mel_bank(RATE_HZ, 1024, 80)
    first, last = bank[0].argmax(), bank[-1].argmax()
    np.testing.assert_allclose(bank[:, first + 1 : last].sum(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("ratio_db", [-5.0, 10.0, 30.0])
def test_si_sdr_is_the_ratio_that_was_mixed_whatever_the_scale_and_offset(ratio_db, noise) -> None:
    clean = noise - noise.mean()
    other = np.random.default_rng(1).normal(0, 1, RATE_HZ)
    other -= other.mean() + clean * (other @ clean) / (clean @ clean)  # nothing of the signal is left in it
    other *= np.linalg.norm(clean) / np.linalg.norm(other) * 10 ** (-ratio_db / 20)
    assert si_sdr_db(clean, 0.3 * (clean + other) + 0.5) == pytest.approx(ratio_db, abs=0.01)


def test_si_sdr_is_limited_to_a_hundred_db_and_undefined_for_silence(noise) -> None:
    assert si_sdr_db(noise, 2 * noise) == pytest.approx(100)
    silence = np.zeros_like(noise)
    assert all(np.isnan(si_sdr_db(*pair)) for pair in ((silence, noise), (noise, silence)))


@pytest.mark.parametrize("gain", [0.5, 3.0, 10.0])
def test_spectral_distance_of_a_gain_is_what_its_two_terms_say(noise, gain: float) -> None:
    """|1 - g| of the reference's spectrum, and |ln g| in every bin: the equations 4 and 5 of their source."""
    assert stft_distance(noise, gain * noise) == pytest.approx(abs(1 - gain) + abs(np.log(gain)), rel=0.02)


def test_spectral_distance_of_a_silent_reference_is_no_number(noise) -> None:
    assert np.isnan(stft_distance(np.zeros_like(noise), noise))


@pytest.mark.parametrize("distance", [lambda a, b: mel_distance_db(a, b, RATE_HZ), stft_distance, si_sdr_db])
def test_signals_of_unequal_length_are_refused(distance, noise) -> None:
    with pytest.raises(VqaudioError, match="one length"):
        distance(noise, noise[:-1])
