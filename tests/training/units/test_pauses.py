"""Pauses are found by loudness: whatever the volume, and whatever follows the recording."""

import pytest
import torch

from vqaudio.nn.stem import SpectralStem
from vqaudio.training.units.pauses import find_pauses, loudness

RATE_HZ, HOP = 16_000, 160


def bursts(*lengths, quiet=0.003, loud=0.3, seed=0):
    """Noise `n`, by turns loud and quiet, for so many steps of 10 ms each; and `t`, where it is quiet."""
    generator = torch.Generator().manual_seed(seed)
    is_quiet = torch.cat([torch.full((length,), at % 2 == 1) for at, length in enumerate(lengths)])
    size = torch.where(is_quiet, quiet, loud).repeat_interleave(HOP)
    return size * torch.randn(len(size), generator=generator), is_quiet


@pytest.fixture(scope="module", params=[True, False], ids=["level taken off", "level left"])
def stem(request):
    return SpectralStem(RATE_HZ, window_samples=640, hop=HOP, num_bands=40, has_level_split=request.param)


def pauses(stem, audio):
    heard = stem(audio[None, None])
    return find_pauses(loudness(heard), torch.ones(1, heard.features.shape[-1], dtype=torch.bool))[0]


def test_long_pauses_are_found_and_the_closures_of_plosives_are_not(stem):
    audio, is_quiet = bursts(60, 40, 50, 8, 50, 30, 40)
    is_quiet[150:158] = False  # 80 ms between two bursts
    found = pauses(stem, audio)
    # Windows of 40 ms and the average over 90 ms blur the edges.
    near_edge = torch.nn.functional.max_pool1d((is_quiet[1:] != is_quiet[:-1]).float()[None], 15, 1, 7)[0] > 0
    sure = ~torch.cat([near_edge, near_edge[-1:]])
    assert sure.sum() > 200
    assert torch.equal(found[sure], is_quiet[sure])


def test_the_volume_moves_no_pause(stem):
    audio, _ = bursts(60, 40, 50, 30)
    assert torch.equal(pauses(stem, audio), pauses(stem, 0.25 * audio))


def test_loudness_is_that_of_the_signal_with_or_without_the_level(stem):
    audio, _ = bursts(60, 40, 50, 30, quiet=0.1)  # above the floor of the stem
    whole = SpectralStem(RATE_HZ, window_samples=640, hop=HOP, num_bands=40)(audio[None, None])
    torch.testing.assert_close(loudness(stem(audio[None, None])), loudness(whole), rtol=0, atol=0.1)


def test_padding_moves_no_pause():
    torch.manual_seed(0)
    loud = torch.where(torch.arange(300) % 100 < 60, -3.0, -5.0) + 0.1 * torch.randn(2, 300)
    padded = torch.cat([loud, torch.full((2, 80), -9.0)], dim=1)
    is_real = torch.arange(380) < torch.tensor([[300], [300]])
    torch.testing.assert_close(
        find_pauses(padded, is_real)[:, :300], find_pauses(loud, torch.ones(2, 300, dtype=torch.bool))
    )


def test_a_recording_that_never_changes_has_no_threshold_and_no_pause():
    assert not find_pauses(torch.full((1, 100), -3.0), torch.ones(1, 100, dtype=torch.bool)).any()


@pytest.mark.parametrize(("start", "is_found"), [(0, True), (92, True), (45, False)])
def test_quiet_at_an_end_of_a_recording_goes_on_outside(start, is_found):
    """Eight steps, which are too short for a pause between two sounds."""
    loud = torch.full((1, 100), -3.0)
    loud[:, start : start + 8] = -9.0
    found = find_pauses(loud, torch.ones(1, 100, dtype=torch.bool))[0]
    assert found.any() == is_found
    assert not found[20:80].any()
    padded = torch.cat([loud, torch.full((1, 1), -3.0)], dim=1)
    assert find_pauses(padded, torch.arange(101)[None] < 100)[0, 100]
