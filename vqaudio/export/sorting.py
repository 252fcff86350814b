"""External sorting and binary search of lines in the order of `LC_ALL=C sort`, in constant memory."""

import heapq
import mmap
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from vqaudio.core.errors import VqaudioError

RUN_BYTES = 32 << 20  # sorted in memory at a time
FAN_IN = 64  # files that are open at a time


def sort_lines(path: Path) -> None:
    """Sort the lines of a file by their bytes, in place; twice its length must be free on the disk beside it.

    Raises VqaudioError if it cannot be written.
    """
    try:
        runs = list(_sorted_runs(path))
        number = len(runs)
        while len(runs) > 1:
            merged, runs = runs[:FAN_IN], runs[FAN_IN:]
            runs.append(_merge(merged, path.with_name(f".{path.name}.run{number}")))
            number += 1
        if runs:
            os.replace(runs[0], path)
    except OSError as error:
        raise VqaudioError(f"{path} cannot be sorted: {error.strerror or error}") from None


def _sorted_runs(path: Path) -> Iterator[Path]:
    with open(path, "rb") as file:
        for number, lines in enumerate(iter(lambda: file.readlines(RUN_BYTES), [])):
            run = path.with_name(f".{path.name}.run{number}")
            with open(run, "wb") as sorted_file:
                sorted_file.writelines(sorted(lines))
            yield run


def _merge(runs: list[Path], target: Path) -> Path:
    with ExitStack() as stack, open(target, "wb") as merged:
        merged.writelines(heapq.merge(*(stack.enter_context(open(run, "rb")) for run in runs)))
    for run in runs:
        run.unlink()
    return target


class SortedLines:
    """A binary search of lines by their first word, in a file sorted by `sort_lines` or as the C locale does."""

    def __init__(self, path: Path) -> None:
        self._path, self.num_bytes = path, path.stat().st_size
        with open(path, "rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self.num_bytes else b""

    def find(self, word: str) -> bytes:
        """Find the line that begins with this word, without its end.  Raises VqaudioError if there is none."""
        wanted, low, high = word.encode(), 0, self.num_bytes
        while low < high:
            start = self._content.rfind(b"\n", low, (low + high) // 2) + 1 or low
            end = self._content.find(b"\n", start)
            line = self._content[start : end if end >= 0 else self.num_bytes]
            first_word = line.split(b" ", 1)[0]
            if first_word == wanted:
                return line
            low, high = (start + len(line) + 1, high) if first_word < wanted else (low, start)
        raise VqaudioError(f"{self._path} has no line of {word} where the order of the C locale wants it")
