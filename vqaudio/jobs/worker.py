"""The protocol of a worker process: requests in on stdin, answers out on stdout.

A process of its own, because a file can crash the library that reads it.  No pickle passes: a request is one line of
JSON, an answer is a `HEADER` (tag and length) and a payload, which is raw float32 samples or JSON.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

HEADER = struct.Struct("<cI")
SAMPLES, DONE, FAILED = b"S", b"D", b"F"


def serve(answer: Callable[[dict[str, Any], BinaryIO], None]) -> None:
    """Answer requests until stdin ends, which it does when the parent has gone.

    Signals that ask to stop reach the whole group of processes; they are the parent's business.
    """
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    # A library that prints must not write into the answers: file descriptor 1 becomes stderr.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        for line in sys.stdin.buffer:
            answer(json.loads(line), answers)
    except BrokenPipeError:
        pass


def send(answers: BinaryIO, tag: bytes, payload: bytes) -> None:
    """Send one answer: header and payload, whole."""
    rest = memoryview(HEADER.pack(tag, len(payload)) + payload)
    while rest:
        rest = rest[answers.write(rest) :]
