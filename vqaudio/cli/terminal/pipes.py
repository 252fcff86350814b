"""Bytes on standard input and output, taken and given as they come."""

import os
import select
import sys
from collections.abc import Iterator
from threading import Event

from vqaudio.core.errors import VqaudioError

PIECE_BYTES = 65_536
LOOK_EVERY_S = 0.2  # whether a signal came


def arriving(stop: Event) -> Iterator[bytes]:
    """Yield what arrives on standard input, without waiting for more, until its end or until stop is set."""
    number = sys.stdin.fileno()
    while not stop.is_set():
        if select.select([number], [], [], LOOK_EVERY_S)[0]:
            if not (content := os.read(number, PIECE_BYTES)):
                return
            yield content


def send(content: bytes) -> None:
    """Write to standard output at once.  Raises BrokenPipeError if nobody reads any more."""
    if content:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def require_pipes(wanted: str, given: str) -> None:
    """Check that standard input and output are pipes or files.

    wanted, given: what goes through them.  Raises VqaudioError for a terminal, which has neither.
    """
    for stream, use in (
        (sys.stdin, f"it reads {wanted} there; connect a pipe or a file with `|` or `<`"),
        (sys.stdout, f"it writes {given} there; connect a pipe or a file with `|` or `>`"),
    ):
        if stream.isatty():
            name = "input" if stream is sys.stdin else "output"
            raise VqaudioError(f"standard {name} is a terminal; {use}")
