"""Frames of the aligner as times, and long recordings in pieces."""

from itertools import pairwise

import pytest

from vqaudio.core.units import Interval
from vqaudio.jobs.align.times import (
    LONGEST_PIECE_S,
    PIECE_S,
    SHIFT_S,
    FoundWord,
    append_shifted,
    intervals,
    pieces,
)  # fmt: skip


def test_intervals_meet_and_cover_the_recording() -> None:
    found = list(intervals([("SIL", 0), ("AA", 10), ("B", 25)], 0.4001))
    assert [(one.start_s, one.end_s) for one in found] == [
        (0.0, pytest.approx(0.1 + SHIFT_S)),
        (pytest.approx(0.1 + SHIFT_S), pytest.approx(0.25 + SHIFT_S)),
        (pytest.approx(0.25 + SHIFT_S), 0.4001),
    ]
    assert all(one.end_s == after.start_s for one, after in pairwise(found))


def speech(num_words: int, word_frames: int, pauses: set[int]) -> list[FoundWord]:
    """Words one after the other, with half a second of silence after some."""
    found: list[FoundWord] = []
    at = 0
    for number in range(num_words):
        found.append(FoundWord(f"w{number}", at, at + word_frames))
        at += word_frames
        if number in pauses:
            found.append(FoundWord("<sil>", at, at + 50))
            at += 50
    return found


@pytest.mark.parametrize("pauses", [set(), {3, 30, 31, 60, 89}, set(range(90))])
def test_pieces_hold_all_words_in_order_and_none_is_too_long(pauses: set[int]) -> None:
    found = speech(90, 100, pauses)
    cut = list(pieces(found))
    assert [word for _, words in cut for word in words] == [f"w{number}" for number in range(90)]
    stops = [stop for stop, _ in cut[:-1]]
    assert cut[-1][0] is None
    assert all(stop is not None and later is not None and stop < later for stop, later in pairwise(stops))
    ends = [0, *(stop for stop in stops if stop is not None), found[-1].stop]
    assert all(after - before <= 100 * LONGEST_PIECE_S for before, after in pairwise(ends))
    for stop, words in cut[:-1]:
        last = next(one for one in found if one.word == words[-1])
        after = next(one for one in found if one.word == f"w{int(words[-1][1:]) + 1}")
        assert stop is not None
        assert last.stop <= stop <= after.start


def test_pieces_end_at_pauses_where_there_are_any() -> None:
    found = speech(90, 100, {10, 22, 50})
    [(first, _), *_] = pieces(found)
    assert first == 23 * 100 + 50 + 25
    assert first > 100 * PIECE_S


def test_with_a_pause_after_every_word_each_piece_is_as_long_as_the_first() -> None:
    """Each is measured from where it begins, not from the start of the recording."""
    stops = [0, *(stop for stop, _ in pieces(speech(90, 100, set(range(90)))) if stop is not None)]
    assert len(stops) == 7  # 135 s
    assert all(100 * PIECE_S - 25 < after - before <= 100 * PIECE_S + 150 for before, after in pairwise(stops))


def test_a_pause_that_was_cut_becomes_one_again() -> None:
    whole = [Interval("AA", 0.0, 1.0), Interval("SIL", 1.0, 2.0)]
    append_shifted(whole, [Interval("SIL", 0.0, 0.5), Interval("AA", 0.5, 1.0)], 2.0)
    assert whole == [Interval("AA", 0.0, 1.0), Interval("SIL", 1.0, 2.5), Interval("AA", 2.5, 3.0)]


def test_two_words_that_are_the_same_stay_two() -> None:
    whole = [Interval("no", 0.0, 1.0)]
    append_shifted(whole, [Interval("no", 0.0, 0.5)], 1.0)
    assert whole == [Interval("no", 0.0, 1.0), Interval("no", 1.0, 1.5)]
