"""What the readers of alignments share: lines and comments, whole numbers, times that run forwards."""

import math
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import (
    BackwardTimesError,
    alignment_lines,
    checked,
    counted_s,
    read_alignment_text,
)


@pytest.mark.parametrize(
    "times_s",
    [
        [],
        [(0.0, 1.0), (0.999, 2.0)],  # a rounded time: a millisecond
        [(0.0, 0.0), (0.0, 0.0), (0.5, 0.5)],  # points
        [(3.0, 4.0), (7.0, 1e6)],  # gaps, and the longest recording
    ],
)
def test_times_that_run_forwards_pass_unchanged(times_s: list[tuple[float, float]]) -> None:
    intervals = [Interval("a", *times) for times in times_s]
    assert checked("x", tuple(intervals)) == intervals


@pytest.mark.parametrize(
    "times_s", [(0.9989, 2.0), (1.5, 1.4), (-0.0001, 2.0), (math.nan, 2.0), (1.0, math.nan), (1.0, math.inf)]
)
def test_an_interval_that_runs_backwards_is_named_with_its_place(times_s: tuple[float, float]) -> None:
    with pytest.raises(BackwardTimesError, match=r"^x: interval 2, 'b', runs from .* after one that ends at 1\.0 s"):
        checked("x", [Interval("a", 0.0, 1.0), Interval("b", *times_s)])


def test_a_time_of_another_unit_is_told_from_one_that_runs_backwards() -> None:
    with pytest.raises(VqaudioError, match=r"'b', ends at .*wanted at most 1e\+06 s; .* another unit") as refusal:
        checked("x", [Interval("a", 0.0, 1.0), Interval("b", 1.0, 1_000_000.5)])
    assert not isinstance(refusal.value, BackwardTimesError)


def test_blank_lines_and_comments_keep_their_numbers_and_give_no_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.ctm"
    path.write_text(";; a comment\n\n  a  b c d \n  ;; another\n; no comment\n", encoding="utf-8-sig")
    assert alignment_lines(path) == [(3, ["a", "b", "c", "d"]), (5, [";", "no", "comment"])]
    assert alignment_lines(path, 2)[0] == (3, ["a", "b", "c d"])
    assert not read_alignment_text(path).startswith("\ufeff")
    path.write_bytes(b"caf\xe9")
    with pytest.raises(VqaudioError, match=r"a\.ctm is not UTF-8 text .*; save it as UTF-8"):
        read_alignment_text(path)
    with pytest.raises(VqaudioError, match="there is no alignment file"):
        read_alignment_text(tmp_path)


def test_only_whole_numbers_are_counted() -> None:
    assert counted_s("8000", 16_000) == counted_s("+8000", 16_000) == -counted_s("-8000", 16_000) == 0.5
    assert counted_s("1234567", 10_000_000) == 0.1234567
    for wrong in ("0.5", "1e3", "", "8 000", "0x10", "inf"):
        with pytest.raises(ValueError, match="is no whole number"):
            counted_s(wrong, 16_000)
