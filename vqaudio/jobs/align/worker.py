"""The aligner's process: a recording's path and its text in on stdin, intervals out on stdout.

A process of its own, because a recording can crash the library that reads or aligns it.  It never imports torch.
"""

import json
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vqaudio.audio.files import AudioReader
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.align.phone_aligner import PhoneAligner, UnknownWordsError
from vqaudio.jobs.align.pronunciations import read_pronunciations
from vqaudio.jobs.align.sphinx_decoder import RATE_HZ
from vqaudio.jobs.worker import DONE, FAILED, send, serve


class Answering:
    """The request handler of the process: one aligner, made anew only when a request names another dictionary."""

    def __init__(self) -> None:
        self._aligner: PhoneAligner | None = None
        self._made_for: object = None

    def answer(self, request: dict[str, Any], answers: BinaryIO) -> None:
        """Align one recording: DONE with intervals and warnings, or FAILED with a reason and the unknown words."""
        try:
            facts = self._align(request)
        except UnknownWordsError as error:
            send(answers, FAILED, json.dumps({"reason": str(error), "unknown_words": error.words}).encode())
        except VqaudioError as error:
            send(answers, FAILED, json.dumps({"reason": str(error)}).encode())
        except (OSError, MemoryError, RuntimeError, ValueError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            send(answers, FAILED, json.dumps({"reason": f"{type(error).__name__}: {error}"}).encode())
        else:
            send(answers, DONE, json.dumps(facts).encode())

    def _align(self, request: dict[str, Any]) -> dict[str, Any]:
        settings = (request["dictionary"], request["accepts_unknown"])
        if self._aligner is None or self._made_for != settings:
            path, accepts_unknown = settings
            pronunciations = read_pronunciations(Path(path)) if path else ()
            self._aligner, self._made_for = PhoneAligner(pronunciations, accepts_unknown=accepts_unknown), settings
        reader = AudioReader(request["path"], RATE_HZ)
        samples = np.concatenate(list(reader))
        alignment = self._aligner.align(samples, request["text"])
        return {
            "duration_s": alignment.phones[-1].end_s,
            "words": [_plain(interval) for interval in alignment.words],
            "phones": [_plain(interval) for interval in alignment.phones],
            "warnings": [*reader.warnings, *alignment.warnings],
        }


def _plain(interval: Interval) -> tuple[str, float, float]:
    return interval.label, interval.start_s, interval.end_s


def main() -> None:
    """Serve an AlignRun."""
    serve(Answering().answer)


if __name__ == "__main__":
    main()
