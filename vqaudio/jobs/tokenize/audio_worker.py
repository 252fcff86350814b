"""The process that reads audio files: paths in, blocks of samples out.  It never imports torch."""

import json
from typing import Any, BinaryIO

from vqaudio.audio.files import AudioReader
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.worker import DONE, FAILED, SAMPLES, send, serve


def decode_file(
    path: str, sample_rate_hz: int, block_s: float, start_s: float, end_s: float | None, answers: BinaryIO
) -> None:
    """Decode a file or a segment: any number of SAMPLES, then DONE with its facts, or FAILED with a reason."""
    try:
        reader = AudioReader(path, sample_rate_hz, block_s, start_s=start_s, end_s=end_s)
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

    def answer(request: dict[str, Any], answers: BinaryIO) -> None:
        path, rate_hz, block_s = request["path"], request["sample_rate_hz"], request["block_s"]
        decode_file(path, rate_hz, block_s, request["start_s"], request["end_s"], answers)

    serve(answer)
