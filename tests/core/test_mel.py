"""The one mel filter bank."""

import librosa
import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.mel import hz_to_mel, mel_filter_bank, mel_to_hz


@pytest.mark.parametrize("scale", ["htk", "slaney"])
@pytest.mark.parametrize("norm", ["peak", "area"])
def test_the_bank_is_that_of_librosa(scale, norm):
    ours = mel_filter_bank(16_000, 321, 40, scale=scale, norm=norm)
    theirs = librosa.filters.mel(
        sr=16_000, n_fft=640, n_mels=40, htk=scale == "htk", norm="slaney" if norm == "area" else None
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("scale", ["htk", "slaney"])
def test_mels_and_hertz_are_each_others_inverse(scale):
    for hertz in (0.0, 440.0, 999.0, 1_000.0, 1_001.0, 7_999.0):
        assert mel_to_hz(np.array(hz_to_mel(hertz, scale)), scale) == pytest.approx(hertz, abs=1e-6)


def test_a_band_of_averages_is_flat_for_a_flat_spectrum_however_narrow_it_is():
    bank = mel_filter_bank(16_000, 65, 40, norm="average", is_widened=True)  # the lowest bands lie between two bins
    np.testing.assert_allclose(bank.sum(axis=1), 1, rtol=1e-5)
    assert (mel_filter_bank(16_000, 65, 40).sum(axis=1) == 0).any()


def test_a_widened_band_reaches_the_bins_on_both_sides_of_its_centre():
    bank = mel_filter_bank(16_000, 65, 40, is_widened=True)
    centres = mel_to_hz(np.linspace(0, hz_to_mel(8_000), 42))[1:-1] / 125  # in bins
    bands = np.arange(40)
    for side in (np.floor(centres), np.floor(centres) + 1):
        assert (bank[bands, side.astype(int)] > 0).all()


def test_a_bank_without_bins_or_bands_is_refused():
    for num_bins, num_bands in ((1, 4), (9, 0)):
        with pytest.raises(VqaudioError, match="2 bins and 1 band"):
            mel_filter_bank(16_000, num_bins, num_bands)
