"""The process that reads audio files: paths in, blocks of samples out.  It never imports torch."""

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from vqaudio.audio.files import AudioReader
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Extractor, Part
from vqaudio.jobs.worker import DONE, FAILED, SAMPLES, send, serve


def decode_file(path: str, request: Mapping[str, Any], extractor: Extractor, answers: BinaryIO) -> None:
    """Decode what a ProcessReader asks for: any number of SAMPLES, then DONE with facts, or FAILED with a reason."""
    segment = {"start_s": request["start_s"], "end_s": request["end_s"]}
    part = Part(*request["part"]) if request["part"] else None
    try:
        with extractor.file_of(path, part, request["scratch"]) as file:
            reader = AudioReader(file, request["sample_rate_hz"], request["block_s"], **segment)
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
    extractor = Extractor()
    serve(lambda request, answers: decode_file(request["path"], request, extractor, answers))
