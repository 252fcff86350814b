"""The decoder process: paths in on stdin, blocks of samples out on stdout.

A process of its own, because a file can crash the library that reads it, and because decoding then runs beside the
encoder.  It never imports torch.  No pickle passes: a request is one line of JSON, an answer is a `HEADER` (tag and
length) and a payload, which is raw float32 samples or JSON.
"""

import json
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from vqaudio.audio.files import AudioReader
from vqaudio.core.errors import VqaudioError

HEADER = struct.Struct("<cI")
SAMPLES, DONE, FAILED = b"S", b"D", b"F"


def decode_file(path: str, sample_rate_hz: int, block_s: float, answers: BinaryIO) -> None:
    """Answer one request: any number of SAMPLES, then DONE with the file's facts, or FAILED with a reason."""
    try:
        reader = AudioReader(path, sample_rate_hz, block_s)
        for block in reader:
            send(answers, SAMPLES, block.astype("<f4", copy=False).tobytes())
        facts = {
            "num_samples": reader.num_samples,
            "source_rate_hz": reader.source_rate_hz,
            "warnings": list(reader.warnings),
        }
    except VqaudioError as error:
        send(answers, FAILED, json.dumps(str(error)).encode())
    except (OSError, MemoryError, RuntimeError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        send(answers, FAILED, json.dumps(f"cannot be decoded: {type(error).__name__}: {error}").encode())
    else:
        send(answers, DONE, json.dumps(facts).encode())


def main() -> None:
    """Serve a ProcessReader."""
    serve(lambda request, answers: decode_file(request["path"], request["sample_rate_hz"], request["block_s"], answers))


def serve(answer: Callable[[dict[str, Any], BinaryIO], None]) -> None:
    """Answer until stdin ends, which it does when the parent has gone.  Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A library that prints must not write into the answers: file descriptor 1 becomes stderr.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    try:
        for line in sys.stdin.buffer:
            answer(json.loads(line), answers)
    except BrokenPipeError:
        pass


def send(answers: BinaryIO, tag: bytes, payload: bytes) -> None:
    """One answer: header and payload, whole."""
    rest = memoryview(HEADER.pack(tag, len(payload)) + payload)
    while rest:
        rest = rest[answers.write(rest) :]


if __name__ == "__main__":
    main()
