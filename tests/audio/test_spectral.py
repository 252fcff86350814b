"""Spectra of signals whose spectrum is known."""

import math

import pytest
import torch
from torch.testing import assert_close

from vqaudio.audio.spectral import LOG_FLOOR, LogMel, magnitudes, spectrum
from vqaudio.core.errors import VqaudioError

RATE_HZ = 16_000


def tone(frequency_hz: float, amplitude: float = 1.0) -> torch.Tensor:
    """A sinusoid `1 1 n` of one second."""
    return amplitude * torch.sin(torch.arange(RATE_HZ) * 2 * math.pi * frequency_hz / RATE_HZ)[None, None]


@pytest.mark.parametrize("size", [256, 512, 1024])
@pytest.mark.parametrize("amplitude", [1.0, 0.1])
def test_a_sinusoid_has_its_amplitude_in_its_bin_at_every_resolution(size: int, amplitude: float) -> None:
    found = spectrum(tone(1_000, amplitude), torch.hann_window(size)).abs()[0]
    assert found.shape == (size // 2 + 1, RATE_HZ // (size // 4) + 1)
    inner = found[:, 4:-4]
    assert (inner.argmax(dim=0) == size // 16).all()
    assert_close(inner[size // 16], torch.full_like(inner[0], amplitude), atol=1e-3, rtol=1e-3)


def test_silence_is_the_floor_and_a_tone_hardly_feels_it() -> None:
    window = torch.hann_window(512)
    assert_close(magnitudes(torch.zeros(1, 1, 4_000), window), torch.full((1, 257, 32), LOG_FLOOR))
    assert 20 * math.log10(LOG_FLOOR) == pytest.approx(-80)
    still = torch.zeros(1, 1, 4_000, requires_grad=True)
    magnitudes(still, window).log().sum().backward()
    assert still.grad is not None
    assert still.grad.isfinite().all()
    assert_close(magnitudes(tone(1_000, 0.1), window)[0, 32, 4:-4], torch.full((118,), 0.1), atol=1e-4, rtol=1e-3)


def test_ten_times_the_amplitude_is_one_more_in_every_mel_band() -> None:
    mel, noise = LogMel(RATE_HZ, window_samples=512, num_bands=40), 0.1 * torch.randn(1, 1, RATE_HZ)
    quiet, loud = mel(noise), mel(10 * noise)
    assert quiet.shape == (1, 40, 126)
    assert_close(loud - quiet, torch.ones_like(loud), atol=2e-2, rtol=0)


@pytest.mark.parametrize("frequency_hz", [250.0, 1_000.0, 4_000.0])
def test_a_tone_is_loudest_in_the_band_around_it(frequency_hz: float) -> None:
    mel = LogMel(RATE_HZ, window_samples=1024, num_bands=40)
    loudest = int(mel(tone(frequency_hz))[0, :, 10:-10].mean(dim=1).argmax())
    centre_hz = float((mel.bank[:, loudest] * torch.arange(513)).sum() / mel.bank[:, loudest].sum()) * RATE_HZ / 1024
    assert centre_hz == pytest.approx(frequency_hz, rel=0.15)


def test_more_bands_than_bins_are_refused() -> None:
    with pytest.raises(VqaudioError, match="need more than the 32 bins"):
        LogMel(RATE_HZ, window_samples=64, num_bands=40)


def test_as_many_bands_as_bins_are_made() -> None:
    assert LogMel(RATE_HZ, window_samples=64, num_bands=32)(tone(1_000)).shape[1] == 32


@pytest.mark.parametrize("window_samples", [512, 1024, 2048])
def test_a_flat_spectrum_is_one_level_in_every_band_and_at_every_resolution(window_samples: int) -> None:
    """Each band averages amplitudes: a click's spectrum, which is flat, has its amplitude in each of them."""
    mel = LogMel(RATE_HZ, window_samples=window_samples, num_bands=40)
    click = torch.zeros(1, 1, RATE_HZ)
    click[..., 8_000] = 1.0
    frame = 8_000 // (window_samples // 4)
    wanted = magnitudes(click, mel.window)[0, :, frame].max().log10()
    assert_close(mel(click)[0, :, frame], wanted.expand(40), atol=2e-3, rtol=0)
