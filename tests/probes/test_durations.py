"""Run lengths and bitrates."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.durations import bitrates, run_statistics


def test_runs_end_with_their_utterance() -> None:
    found = run_statistics([np.array([1, 1, 1, 2]), np.array([2, 2])], frame_rate_hz=50.0)
    assert (found.num_runs, found.mean_frames, found.median_frames, found.longest_frames) == (3, 2.0, 2.0, 3)
    assert found.single_share == pytest.approx(1 / 3)
    assert found.runs_per_second == pytest.approx(25.0)


def test_equally_frequent_codes_cost_their_logarithm() -> None:
    rates = bitrates([np.tile(np.arange(8), 100)], num_codes=8, frame_rate_hz=50.0)
    assert (rates.nominal_bps, rates.unigram_bps, rates.merged_bps) == pytest.approx((150, 150, 150))


def test_repeats_are_free_once_merged() -> None:
    rates = bitrates([np.repeat(np.tile(np.arange(4), 50), 5)], num_codes=16, frame_rate_hz=50.0)
    assert (rates.nominal_bps, rates.unigram_bps, rates.merged_bps) == pytest.approx((200, 100, 20))


def test_no_codes_are_an_error() -> None:
    for measure in (lambda: run_statistics([], 50.0), lambda: bitrates([], 8, 50.0)):
        with pytest.raises(VqaudioError, match="no codes"):
            measure()


def test_merged_codes_cost_the_entropy_of_runs_and_not_of_frames() -> None:
    """One code is long and the other short: equally many runs, though not frames."""
    rates = bitrates([np.tile([0] * 7 + [1], 100)], num_codes=2, frame_rate_hz=50.0)
    share = np.array([7 / 8, 1 / 8])
    assert rates.unigram_bps == pytest.approx(50 * -(share * np.log2(share)).sum())
    assert rates.merged_bps == pytest.approx(2 / 8 * 50 * 1.0)


def test_lengths_of_runs_cost_their_entropy() -> None:
    rates = bitrates([np.repeat(np.tile(np.arange(4), 50), np.tile([1, 1, 3, 3], 50))], num_codes=4, frame_rate_hz=50.0)
    assert (rates.merged_bps, rates.timed_bps) == pytest.approx((25 * 2, 25 * (2 + 1)))
