"""Boundaries of codes against boundaries of phones."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.boundaries import boundary_score, count_matches, score_of_hits

TIMES = st.lists(st.integers(0, 30), max_size=7, unique=True).map(sorted)


def best_matching(reference: list[int], found: list[int], reach: int) -> int:
    """By trying every choice of boundaries, in the order of time."""
    for size in range(min(len(reference), len(found)), 0, -1):
        for one in combinations(reference, size):
            for other in combinations(found, size):
                if all(abs(a - b) <= reach for a, b in zip(one, other, strict=True)):
                    return size
    return 0


@given(TIMES, TIMES, st.integers(0, 4))
def test_no_matching_is_larger(reference: list[int], found: list[int], reach: int) -> None:
    counted = count_matches(np.array(reference) / 100, np.array(found) / 100, reach / 100)
    assert counted == best_matching(reference, found, reach)


def test_the_same_boundaries_score_one() -> None:
    times = np.cumsum(np.random.default_rng(0).uniform(0.05, 0.2, 100))
    score = boundary_score(times, times)
    assert (score.precision, score.recall, score.f1, score.r_value) == pytest.approx((1, 1, 1, 1))


def test_a_shift_within_the_tolerance_changes_nothing_and_beyond_it_everything() -> None:
    times = np.arange(1, 50) / 10
    assert boundary_score(times, times + 0.020).r_value == pytest.approx(1)
    assert boundary_score(times, times + 0.0201).recall == 0


def test_one_boundary_meets_one_only() -> None:
    score = boundary_score(np.array([1.0]), np.array([0.99, 1.0, 1.01]))
    assert (score.recall, score.precision) == (1.0, pytest.approx(1 / 3))


def test_the_r_value_is_that_of_its_paper() -> None:
    """Räsänen et al. 2009, eqs. 3-5: hit rate 0.75 with as many boundaries found as there are."""
    score = score_of_hits(75, 100, 100)
    assert score.r_value == pytest.approx(1 - (0.25 + 0.25 / math.sqrt(2)) / 2)
    over = score_of_hits(80, 100, 150)  # hit rate 0.8, over-segmentation 0.5
    assert over.r_value == pytest.approx(1 - (math.hypot(0.2, 0.5) + 0.7 / math.sqrt(2)) / 2)


def test_boundaries_everywhere_have_full_recall_and_a_low_r_value() -> None:
    score = boundary_score(np.arange(1, 100) / 10, np.arange(1, 1000) / 50)
    assert score.recall == 1
    assert score.r_value < 0


def test_codes_that_never_change_have_no_precision() -> None:
    score = boundary_score(np.array([1.0, 2.0]), np.array([]))
    assert (score.precision, score.recall, score.f1) == (0, 0, 0)


def test_no_reference_and_unsorted_times_are_errors() -> None:
    with pytest.raises(VqaudioError, match="at least one"):
        boundary_score(np.array([]), np.array([1.0]))
    with pytest.raises(VqaudioError, match="order of time"):
        boundary_score(np.array([2.0, 1.0]), np.array([1.0]))
    with pytest.raises(VqaudioError, match="order of time"):
        boundary_score(np.array([1.0]), np.array([2.0, 1.0]))
    twice = np.array([1.0, 1.0])
    assert boundary_score(twice, twice).f1 == 1
