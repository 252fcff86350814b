"""Ctrl-C, SIGTERM and SIGHUP as requests that the run reads between two files, so that what is finished is kept."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Ctrl-C; what `kill`, batch systems and containers send; the end of a terminal or an ssh connection.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class StopRequest(threading.Event):
    """The event that asks a run to stop.  exit_status: what a shell reports for the signal that set it."""

    exit_status = 128 + signal.SIGINT


@contextmanager
def stop_on_signals() -> Iterator[StopRequest]:
    """Yield an event that the first of SIGNALS sets; the second one acts as usual.

    A signal that was ignored when the process started (SIGINT in a script's background job, SIGHUP under nohup) stays
    ignored.
    """
    stop = StopRequest()
    # Python allows handlers only in the main thread.
    is_main = threading.current_thread() is threading.main_thread()
    numbers = [number for number in SIGNALS if is_main and signal.getsignal(number) is not signal.SIG_IGN]

    def ask(number: int, frame: FrameType | None) -> None:
        stop.exit_status = 128 + number
        stop.set()
        restore()

    def restore() -> None:
        for known, handler in before.items():
            signal.signal(known, handler)

    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
