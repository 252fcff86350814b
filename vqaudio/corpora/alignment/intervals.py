"""Parts shared by the readers of alignments: the lines of a text file, and the check that times run forwards."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval

# Aligners write rounded times: neighbours may overlap by half a unit of the last of three decimals, on either side.
MAX_OVERLAP_S = 0.001
WHOLE = re.compile(r"[-+]?\d+")
MAX_TIME_S = 1e6  # eleven days: more is another unit, or damage


class BackwardTimesError(VqaudioError):
    """An error for an interval that ends before it starts, or begins before its neighbour has ended."""


def read_alignment_text(path: Path) -> str:
    """Read the text of an alignment file.

    Raises VqaudioError if there is no such file or it is not UTF-8.
    """
    if not path.is_file():
        raise VqaudioError(f"there is no alignment file {path}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise VqaudioError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None


def alignment_lines(path: Path, max_splits: int = -1) -> list[tuple[int, list[str]]]:
    """Read the numbers and fields of the lines that are neither blank nor a comment (`;;`)."""
    kept = enumerate((line.strip() for line in read_alignment_text(path).splitlines()), 1)
    return [(number, line.split(None, max_splits)) for number, line in kept if line and not line.startswith(";;")]


def counted_s(count: str, rate_hz: int) -> float:
    """Convert a whole number of samples, or of another unit, to seconds; one that no float holds to infinity.

    rate_hz: units in a second.  Raises ValueError for what is no whole number.
    """
    if not WHOLE.fullmatch(count):
        raise ValueError(f"{count!r:.60} is no whole number")
    return float(count) / rate_hz


def checked(source: str | Path, intervals: Sequence[Interval]) -> list[Interval]:
    """Check that the times of the intervals run forwards and are those of a recording, and return them as they are.

    source: what the error names.  Raises BackwardTimesError if they run backwards, VqaudioError if they are too long.
    """
    last_end_s = 0.0
    for index, interval in enumerate(intervals, 1):
        is_forward = 0 <= interval.start_s <= interval.end_s < math.inf  # false for NaN too
        if not is_forward or interval.start_s < last_end_s - MAX_OVERLAP_S:
            raise BackwardTimesError(
                f"{source}: interval {index}, {interval.label!r}, runs from {interval.start_s} s to {interval.end_s} s "
                f"after one that ends at {last_end_s} s; wanted times that run forwards; correct the file"
            )
        if interval.end_s > MAX_TIME_S:
            raise VqaudioError(
                f"{source}: interval {index}, {interval.label!r}, ends at {interval.end_s:g} s; wanted at most "
                f"{MAX_TIME_S:g} s; are its times in another unit?"
            )
        last_end_s = interval.end_s
    return list(intervals)
