"""Each corruption does what it is called, and nothing when it is turned off."""

import pytest
import torch

from vqaudio.nn.stem import CENTRE, SPREAD
from vqaudio.training.units.corruption import Corruption, corrupted, warped

OFF = {"noise_share": 0.0, "channel": 0.0, "warp": 0.0, "gap_share": 0.0}


@pytest.fixture
def features():
    torch.manual_seed(0)
    return torch.randn(4, 100, 200)


def test_without_corruption_features_stay_as_they_are(features):
    torch.testing.assert_close(corrupted(features, Corruption(**OFF)), features, rtol=0, atol=1e-4)


def test_noise_of_a_level_lifts_silence_to_that_level_and_leaves_loud_bands(features):
    level = {"noise_low_db": -46.0, "noise_high_db": -46.0}
    silent, loud = torch.full_like(features, -1.0), torch.full_like(features, 3.0)
    how = Corruption(**{**OFF, "noise_share": 1.0, **level})
    wanted = (-46 / 20 - CENTRE) / SPREAD
    assert abs(float(corrupted(silent, how)[:, 49:51].mean()) - wanted) < 0.2  # where the tilt turns
    assert float((corrupted(loud, how) - loud).abs()[:, 49:51].mean()) < 0.05


def test_a_channel_is_one_smooth_filter_for_a_whole_crop(features):
    change = corrupted(features, Corruption(**{**OFF, "channel": 0.5})) - features
    torch.testing.assert_close(change, change[:, :, :1].expand_as(change), rtol=0, atol=1e-4)
    assert float(change.abs().max()) > 0.2
    assert float(change.diff(dim=1).abs().max()) < 0.2  # from band to band
    assert not torch.allclose(change[0], change[1], atol=1e-2)  # from crop to crop


def test_a_warp_moves_a_band_to_the_place_that_its_factor_says():
    features = torch.zeros(1, 100, 3)
    features[:, 60] = 1.0
    moved = warped(features, torch.tensor([1.2]))
    assert int(moved[0, :, 0].argmax()) == 50  # 50 * 1.2
    torch.testing.assert_close(warped(features, torch.tensor([1.0])), features)


def test_gaps_take_the_share_of_time_that_was_asked_for_and_hold_the_mean(features):
    changed = corrupted(features, Corruption(**{**OFF, "gap_share": 0.3}))
    is_gap = (changed - features.mean(dim=(1, 2), keepdim=True)).abs().amax(dim=1) < 1e-5
    assert 0.15 < float(is_gap.float().mean()) < 0.4
    torch.testing.assert_close(changed[:, 0][~is_gap], features[:, 0][~is_gap], rtol=0, atol=1e-4)


def test_noise_as_strong_as_speech_adds_its_power_to_it():
    """3 dB; in magnitude it would be 6."""
    torch.manual_seed(0)
    level = (-60 / 20 - CENTRE) / SPREAD
    how = Corruption(**{**OFF, "noise_share": 1.0, "noise_low_db": -60.0, "noise_high_db": -60.0})
    features = torch.full((64, 101, 50), level)
    risen_db = 20 * SPREAD * float((corrupted(features, how) - features)[:, 50].mean())
    assert risen_db == pytest.approx(3.0, abs=0.6)  # noise wavers


def test_a_gap_lasts_120_ms(features):
    changed = corrupted(features, Corruption(**{**OFF, "gap_share": 0.1}))
    is_gap = (changed - features.mean(dim=(1, 2), keepdim=True)).abs().amax(dim=1) < 1e-5
    assert is_gap.any()
    for row in is_gap.tolist():
        runs = "".join(" x"[value] for value in row).split()
        assert all(len(run) >= 12 for run in runs[:-1])


def test_the_strengths_are_those_of_half_the_crops_and_more(features):
    torch.manual_seed(1)
    many = torch.zeros(400, 4, 4) - 1.0
    how = Corruption(**{**OFF, "noise_share": 0.25, "noise_low_db": -30.0, "noise_high_db": -20.0})
    is_noisy = (corrupted(many, how) - many).abs().amax(dim=(1, 2)) > 0.1
    assert 0.17 < float(is_noisy.float().mean()) < 0.33
    assert Corruption() == Corruption(0.7, -86.0, -46.0, 0.15, 0.05, 0.2)
