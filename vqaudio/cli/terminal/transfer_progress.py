"""The progress of a download or an unpacking: a bar on a terminal, a line every few seconds elsewhere, on stderr."""

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from vqaudio.cli.terminal.progress import LINE_EVERY_S


class TransferProgress:
    """The progress of transfers, in bytes.  stream: where it is shown."""

    def __init__(self, *, stream: TextIO | None = None, line_every_s: float = LINE_EVERY_S) -> None:
        self._stream = stream or sys.stderr
        self._line_every_s, self._printed_s = line_every_s, time.monotonic()
        self._label = ""
        self.bar: Progress | None = None
        if self._stream.isatty():
            columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
            console = Console(file=self._stream)
            self.bar = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
            self._task = self.bar.add_task("")

    def update(self, label: str, num_done: int, num_all: int | None) -> None:
        """Show the state.  label: what is being done; num_done, num_all: bytes, of which the last may be unknown."""
        now_s = time.monotonic()
        if self.bar:
            if label != self._label:
                self.bar.reset(self._task)
            self.bar.update(self._task, description=label, completed=num_done, total=num_all)
        elif label != self._label or now_s - self._printed_s >= self._line_every_s:
            self._printed_s = now_s
            share = f" of {num_all / 1e6:,.0f} MB, {num_done / max(1, num_all):.0%}" if num_all else " MB"
            print(f"{label}: {num_done / 1e6:,.0f}{share}", file=self._stream, flush=True)
        self._label = label
