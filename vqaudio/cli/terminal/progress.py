"""Progress of a run: a bar on a terminal, a line every few seconds elsewhere, on stderr, so that stdout stays clean."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Protocol, TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from vqaudio.core.printable import printable

LINE_EVERY_S = 5.0


class HasBar(Protocol):
    """A progress with a bar, or with none where there is no terminal."""

    bar: Progress | None


Told = TypeVar("Told", bound=HasBar)


@contextmanager
def shown(progress: Told) -> Iterator[Told]:
    """Show the bar on the terminal until the block ends, however it ends."""
    with progress.bar or nullcontext():
        yield progress


class RunProgress:
    """The progress of a run: audio-hours, times real time, and the time left.

    The time left is estimated from bytes, as headers may lie about seconds.
    total_bytes, total_files: of the whole run.  is_quiet: say nothing.
    """

    def __init__(
        self,
        total_bytes: int,
        total_files: int,
        *,
        stream: TextIO | None = None,
        line_every_s: float = LINE_EVERY_S,
        is_quiet: bool = False,
    ) -> None:
        self._is_quiet = is_quiet
        self._stream = stream or sys.stderr
        self._total_bytes, self._total_files = max(1, total_bytes), total_files
        self._num_bytes = self._num_files = 0
        self._audio_s = 0.0
        self._line_every_s = line_every_s
        self._start_s = self._printed_s = time.monotonic()
        self.bar: Progress | None = None
        if self._stream.isatty() and not is_quiet:
            columns = (BarColumn(), TextColumn("{task.fields[state]}"))
            self.bar = bar = Progress(*columns, console=Console(file=self._stream), transient=True)
            self._task = bar.add_task("", total=self._total_bytes, state="")

    def note(self, line: str) -> None:
        """Print a line that stays, above the bar."""
        line = printable(line)
        if self._is_quiet:
            return
        if self.bar:
            self.bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=self._stream, flush=True)

    def finish_file(self, num_bytes: int) -> None:
        """Count one more file that is done, or has failed."""
        self._num_files += 1
        self._num_bytes += num_bytes

    def update(self, audio_s: float) -> None:
        """Show the state, as often as it is worth it.  audio_s: seconds of audio that went through so far."""
        self._audio_s = audio_s
        now_s = time.monotonic()
        if self.bar:
            self.bar.update(self._task, completed=self._num_bytes, state=self._format_state(now_s))
        elif not self._is_quiet and now_s - self._printed_s >= self._line_every_s:
            self._printed_s = now_s
            print(self._format_state(now_s), file=self._stream, flush=True)

    def _format_state(self, now_s: float) -> str:
        taken_s = max(now_s - self._start_s, 1e-9)
        state = f"{self._num_files:,}/{self._total_files:,} files, {self._audio_s / 3600:.2f} h"
        state += f", {self._audio_s / taken_s:.0f} x real time"
        if not self._num_bytes:
            return state
        left_s = taken_s * (self._total_bytes - self._num_bytes) / self._num_bytes
        return state + f", about {_clock(left_s)} left"


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
