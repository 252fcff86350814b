"""What the readers of alignments share: the lines of a text file, and intervals whose times run forwards."""

import math
from collections.abc import Sequence
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval

# Aligners write rounded times: neighbours may overlap by half a unit of the last of three decimals, on either side.
MAX_OVERLAP_S = 0.001


class BackwardTimesError(VqaudioError):
    """An interval ends before it starts, or begins before its neighbour has ended."""


def read_alignment_text(path: Path) -> str:
    """Raises VqaudioError if there is no such file or it is not UTF-8."""
    if not path.is_file():
        raise VqaudioError(f"there is no alignment file {path}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise VqaudioError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None


def alignment_lines(path: Path, max_splits: int = -1) -> list[tuple[int, list[str]]]:
    """Numbers and fields of the lines that are neither blank nor a comment (`;;`)."""
    kept = enumerate((line.strip() for line in read_alignment_text(path).splitlines()), 1)
    return [(number, line.split(None, max_splits)) for number, line in kept if line and not line.startswith(";;")]


def checked(source: str | Path, intervals: Sequence[Interval]) -> list[Interval]:
    """The intervals as they are.  Raises BackwardTimesError, naming `source`, if their times do not run forwards."""
    last_end_s = 0.0
    for place, one in enumerate(intervals, 1):
        is_forward = 0 <= one.start_s <= one.end_s < math.inf  # false for NaN too
        if not is_forward or one.start_s < last_end_s - MAX_OVERLAP_S:
            raise BackwardTimesError(
                f"{source}: interval {place}, {one.label!r}, runs from {one.start_s} s to {one.end_s} s after one that "
                f"ends at {last_end_s} s; wanted times that run forwards; correct the file"
            )
        last_end_s = one.end_s
    return list(intervals)
