"""Clean codes against changed ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.stability import flip_share, levenshtein, measure_stability

SEQUENCES = st.lists(st.integers(0, 3), max_size=8)


def edits(one: list[int], other: list[int]) -> int:
    """By its definition."""
    if not one or not other:
        return len(one) + len(other)
    return min(edits(one[1:], other) + 1, edits(one, other[1:]) + 1, edits(one[1:], other[1:]) + (one[0] != other[0]))


@given(st.lists(st.integers(0, 2), max_size=5), st.lists(st.integers(0, 2), max_size=5))
def test_edits_are_the_fewest(one: list[int], other: list[int]) -> None:
    assert levenshtein(np.array(one, dtype=int), np.array(other, dtype=int)) == edits(one, other)


@given(SEQUENCES, SEQUENCES, SEQUENCES)
def test_edit_distance_is_a_distance(one: list[int], other: list[int], third: list[int]) -> None:
    a, b, c = (np.array(values, dtype=int) for values in (one, other, third))
    assert levenshtein(a, b) == levenshtein(b, a)
    assert (levenshtein(a, b) == 0) == (one == other)
    assert levenshtein(a, c) <= levenshtein(a, b) + levenshtein(b, c)


def test_the_same_codes_are_stable() -> None:
    codes = [np.arange(10), np.arange(5)]
    found = measure_stability(codes, codes)
    assert (found.flips, found.edit_distance, found.merged_edit_distance, found.num_frames) == (0, 0, 0, 15)
    assert found.num_utterances == 2


def test_slower_speech_keeps_its_runs() -> None:
    clean = [np.repeat([1, 2, 3], 4)]
    found = measure_stability(clean, [np.repeat([1, 2, 3], 6)], is_aligned=False)
    assert np.isnan(found.flips)
    assert found.edit_distance == pytest.approx(6 / 12)
    assert found.merged_edit_distance == 0


def test_a_run_that_changes_is_one_edit_of_the_runs_and_as_many_of_the_frames_as_it_is_long() -> None:
    """Two utterances with five clean runs in 20 frames; one run of 8 frames gets another code."""
    clean = [np.repeat([1, 2, 3], [2, 8, 2]), np.repeat([4, 5], 4)]
    found = measure_stability(clean, [np.repeat([1, 9, 3], [2, 8, 2]), clean[1]])
    assert (found.flips, found.edit_distance) == (pytest.approx(8 / 20), pytest.approx(8 / 20))
    assert found.merged_edit_distance == pytest.approx(1 / 5)


def test_flips_are_counted_frame_by_frame() -> None:
    found = measure_stability([np.array([1, 2, 3, 4])], [np.array([1, 9, 3, 9, 5])])
    assert found.flips == pytest.approx(0.5)
    with pytest.raises(VqaudioError, match="edit distance"):
        measure_stability([np.zeros(10, dtype=int)], [np.zeros(5, dtype=int)])


@pytest.mark.parametrize("more", [0, 1, 2])
def test_the_last_two_frames_may_be_missing_and_three_may_not(more: int) -> None:
    long, short = np.arange(10), np.arange(10 - more)
    assert flip_share([long], [short]) == flip_share([short], [long]) == 0
    with pytest.raises(VqaudioError, match=r"got 10 and 7 frames"):
        flip_share([long], [long[:7]])
    assert flip_share([long, long + 1], [short, short]) == 0.5  # of the frames that both have
    assert np.isnan(flip_share([long[:0]], [long[:0]]))


def test_sets_that_are_not_pairs_and_no_frames_are_refused() -> None:
    codes = np.arange(3)
    with pytest.raises(VqaudioError, match="got 1 and 2"):
        measure_stability([codes, codes], [codes])
    with pytest.raises(VqaudioError, match="got 1 and 1"):
        measure_stability([codes[:0]], [codes])


def test_runs_are_counted_beside_the_clean_ones() -> None:
    assert measure_stability([np.array([1, 1, 2])], [np.array([1, 3, 4])]).merged_edit_distance == 1.0
    assert measure_stability([np.array([1, 3, 4])], [np.array([1, 1, 2])]).merged_edit_distance == pytest.approx(2 / 3)
