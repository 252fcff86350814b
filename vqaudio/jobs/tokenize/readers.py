"""Readers of audio files, one at a time: in this process, or in one that may crash."""

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Extractor, Part
from vqaudio.jobs.worker import DONE, FAILED, SAMPLES
from vqaudio.jobs.worker_process import WorkerProcess

BLOCK_S = 10.0  # 640 kB at 16 kHz: a file in flight holds two of them, a worker's pipe another
PATIENCE_S = 300.0  # without a single block from a decoder, before its file is given up
WORKER_CODE = "from vqaudio.jobs.tokenize.audio_worker import main; main()"


def default_num_workers() -> int:
    """Return two readers, or more where there are many CPUs: decoding costs a small part of encoding."""
    return max(2, (os.cpu_count() or 1) // 4)


@dataclass(frozen=True)
class Decoded:
    """The facts of a file after its last block.  num_samples: at the codec's rate."""

    num_samples: int
    source_rate_hz: int
    warnings: tuple[str, ...]


class AudioFileReader(Protocol):
    """A reader of one audio file at a time."""

    def read(
        self,
        path: str,
        sample_rate_hz: int,
        on_block: Callable[[np.ndarray], None],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        part: Part | None = None,
    ) -> Decoded:
        """Give every block of the file (float32, mono, at the rate asked for) to `on_block`, in order.

        start_s, end_s: the segment to read, in seconds; to the file's end if end_s is None.
        part: where the recording lies in the file, None if it is the file.
        Raises VqaudioError with the reason if the file cannot be read, and whatever `on_block` raises.
        """
        ...

    def abort(self) -> None:
        """Stop a read, from another thread when the run is over: make a `read` that waits return or raise soon."""
        ...

    def close(self) -> None:
        """Release what the reader holds."""
        ...


class InlineReader:
    """A reader in this process: nothing to start, but a file that crashes the library ends the run."""

    def __init__(self, block_s: float = BLOCK_S) -> None:
        self.block_s, self._extractor = block_s, Extractor()

    def read(
        self,
        path: str,
        sample_rate_hz: int,
        on_block: Callable[[np.ndarray], None],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        part: Part | None = None,
    ) -> Decoded:
        """Read one file; see AudioFileReader."""
        from vqaudio.audio.files import AudioReader

        try:
            with tempfile.TemporaryDirectory() as scratch, self._extractor.file_of(path, part, scratch) as file:
                reader = AudioReader(file, sample_rate_hz, self.block_s, start_s=start_s, end_s=end_s)
                for block in reader:
                    on_block(block)
        except (OSError, MemoryError) as error:
            raise VqaudioError(f"cannot be decoded: {type(error).__name__}: {error}") from error
        return Decoded(reader.num_samples, reader.source_rate_hz, tuple(reader.warnings))

    def abort(self) -> None:
        """Do nothing: `on_block` ends the read."""

    def close(self) -> None:
        """Release nothing."""


class ProcessReader:
    """A reader in a process of its own, started anew when a file has crashed it.

    The process decodes ahead as far as its pipe holds, so memory does not grow with a file's length.
    """

    def __init__(
        self,
        block_s: float = BLOCK_S,
        *,
        code: str = WORKER_CODE,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.block_s = block_s
        self.worker = WorkerProcess("decoder", code, patience_s)
        self._scratch: tempfile.TemporaryDirectory[str] | None = None  # here, because a process that dies leaves it

    def read(
        self,
        path: str,
        sample_rate_hz: int,
        on_block: Callable[[np.ndarray], None],
        *,
        start_s: float = 0.0,
        end_s: float | None = None,
        part: Part | None = None,
    ) -> Decoded:
        """Read one file; see AudioFileReader.  A process that dies or falls silent is a VqaudioError as well."""
        request = {"path": path, "sample_rate_hz": sample_rate_hz, "block_s": self.block_s}
        request |= {"start_s": start_s, "end_s": end_s, "part": part, "scratch": self._scratch_for(part)}
        with closing(self.worker.answers(request)) as answers:
            for tag, payload in answers:
                if tag == SAMPLES:
                    on_block(np.frombuffer(payload, dtype="<f4"))
                    continue
                facts = json.loads(payload)
                if tag == FAILED:
                    raise VqaudioError(facts)
                assert tag == DONE, tag
                return Decoded(facts["num_samples"], facts["source_rate_hz"], tuple(facts["warnings"]))
        raise AssertionError("answers end with DONE or FAILED")

    def abort(self) -> None:
        """Stop a read; see AudioFileReader."""
        self.worker.abort()

    def close(self) -> None:
        """End the process."""
        self.worker.close()
        if self._scratch is not None:
            self._scratch.cleanup()
            self._scratch = None

    def _scratch_for(self, part: Part | None) -> str:
        """Return a folder for copies of parts, made for the first of them."""
        if part is not None and self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="vqaudio-")
        return self._scratch.name if self._scratch else ""
