"""Means with intervals and coverage."""

import numpy as np
import pytest

from vqaudio.metrics.bootstrap import mean_score


def test_the_interval_holds_the_true_mean_about_nineteen_times_of_twenty() -> None:
    held = 0
    for seed in range(200):
        found = mean_score(np.random.default_rng(seed).normal(3, 1, 40), seed=seed)
        held += found.low <= 3 <= found.high
    assert 178 <= held <= 198


def test_what_a_metric_gave_up_on_is_left_out_or_filled_and_counted_either_way() -> None:
    values = [2.0, 4.0, float("nan")]
    left_out, filled = mean_score(values, num_absent=2), mean_score(values, fill=1.0, num_absent=2)
    assert (left_out.mean, left_out.num_scored, left_out.num_filled, left_out.num_left_out) == (3.0, 2, 0, 3)
    assert filled.mean == pytest.approx(7 / 3)
    assert (filled.num_scored, filled.num_filled, filled.num_left_out, filled.fill) == (2, 1, 2, 1.0)


def test_nothing_scored_is_no_number_and_no_warning() -> None:
    found = mean_score([float("nan")], num_absent=1)
    assert np.isnan([found.mean, found.low, found.high]).all()
    assert (found.num_scored, found.num_left_out) == (0, 2)


def test_the_same_values_give_the_same_interval() -> None:
    values = np.random.default_rng(0).normal(size=30)
    assert mean_score(values) == mean_score(values)
