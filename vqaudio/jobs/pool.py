"""Decoders that read one audio file at a time: in this process, or in one that may crash."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.worker import DONE, FAILED, HEADER, SAMPLES

BLOCK_S = 10.0  # 640 kB at 16 kHz: a file in flight holds two of them, a worker's pipe another
PATIENCE_S = 300.0  # without a single block from a decoder, before its file is given up
PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])
WORKER_COMMAND = (sys.executable, "-c", "from vqaudio.jobs.worker import main; main()")


def default_num_workers() -> int:
    """Two, or more where there are many CPUs: decoding costs a small part of encoding."""
    return max(2, (os.cpu_count() or 1) // 4)


@dataclass(frozen=True)
class Decoded:
    """What is known of a file after its last block.  num_samples: at the codec's rate."""

    num_samples: int
    source_rate_hz: int
    warnings: tuple[str, ...]


class Decoder(Protocol):
    """Reads one file at a time."""

    def read(self, path: str, sample_rate_hz: int, on_block: Callable[[np.ndarray], None]) -> Decoded:
        """Give every block of the file (float32, mono, at the rate asked for) to `on_block`, in order.

        Raises VqaudioError with the reason if the file cannot be read, and whatever `on_block` raises.
        """
        ...

    def abort(self) -> None:
        """Called from another thread when the run is over: make a `read` that waits return or raise soon."""
        ...

    def close(self) -> None:
        """Give back what the decoder holds."""
        ...


class InlineDecoder:
    """Decodes in this process: nothing to start, but a file that crashes the library ends the run."""

    def __init__(self, block_s: float = BLOCK_S) -> None:
        self.block_s = block_s

    def read(self, path: str, sample_rate_hz: int, on_block: Callable[[np.ndarray], None]) -> Decoded:
        """See Decoder."""
        from vqaudio.audio.files import AudioReader

        try:
            reader = AudioReader(path, sample_rate_hz, self.block_s)
            for block in reader:
                on_block(block)
        except (OSError, MemoryError) as error:
            raise VqaudioError(f"cannot be decoded: {type(error).__name__}: {error}") from error
        return Decoded(reader.num_samples, reader.source_rate_hz, tuple(reader.warnings))

    def abort(self) -> None:
        """`on_block` ends the read."""

    def close(self) -> None:
        """Nothing to give back."""


class ProcessDecoder:
    """Decodes in a process of its own, started anew when a file has crashed it.

    The process decodes ahead as far as its pipe holds, so memory does not grow with a file's length.
    """

    def __init__(
        self,
        block_s: float = BLOCK_S,
        *,
        command: Sequence[str] | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.block_s = block_s
        self.command = command or WORKER_COMMAND
        self.patience_s = patience_s
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._process: subprocess.Popen[bytes] | None = self._start()

    def read(self, path: str, sample_rate_hz: int, on_block: Callable[[np.ndarray], None]) -> Decoded:
        """See Decoder.  A process that dies or falls silent is a VqaudioError as well."""
        if self._process is not None and self._process.poll() is not None:
            self._end()  # it died between two files: nobody's fault that is known
        process = self._process = self._process or self._start()
        self._complaints.seek(0)
        self._complaints.truncate()  # the child shares this file's position: each file starts a clean page
        is_whole = False
        try:
            self._ask(process, path, sample_rate_hz)
            while True:
                tag, payload = self._answer(process)
                if tag == SAMPLES:
                    on_block(np.frombuffer(payload, dtype="<f4"))
                    continue
                is_whole = True
                facts = json.loads(payload)
                if tag == FAILED:
                    raise VqaudioError(facts)
                assert tag == DONE, tag
                return Decoded(facts["num_samples"], facts["source_rate_hz"], tuple(facts["warnings"]))
        except (EOFError, BrokenPipeError) as error:
            raise VqaudioError(self._obituary(process)) from error
        finally:
            if not is_whole:  # in the middle of a file: the pipe's contents belong to nobody
                self._end()

    def abort(self) -> None:
        """See Decoder."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process."""
        self._end()
        self._complaints.close()

    def _start(self) -> subprocess.Popen[bytes]:
        paths = [PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return subprocess.Popen(
            self.command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **one_thread, "PYTHONPATH": os.pathsep.join(paths)},
        )

    def _ask(self, process: subprocess.Popen[bytes], path: str, sample_rate_hz: int) -> None:
        assert process.stdin is not None
        request = {"path": path, "sample_rate_hz": sample_rate_hz, "block_s": self.block_s}
        process.stdin.write(json.dumps(request).encode() + b"\n")

    def _answer(self, process: subprocess.Popen[bytes]) -> tuple[bytes, bytearray]:
        tag, num_bytes = HEADER.unpack(self._receive(process, HEADER.size))
        return tag, self._receive(process, num_bytes)

    def _receive(self, process: subprocess.Popen[bytes], num_bytes: int) -> bytearray:
        assert process.stdout is not None
        received = bytearray(num_bytes)
        rest = memoryview(received)
        while rest:
            if not select.select([process.stdout], [], [], self.patience_s)[0]:
                raise VqaudioError(f"the decoder gave nothing for {self.patience_s:.0f} s and was ended")
            count = process.stdout.readinto(rest)  # type: ignore[attr-defined]  (bufsize=0 makes it a FileIO)
            if not count:
                raise EOFError
            rest = rest[count:]
        return received

    def _obituary(self, process: subprocess.Popen[bytes]) -> str:
        """Why the process died, in words, with the last line it wrote to stderr."""
        status = process.wait()
        try:
            cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        except ValueError:
            cause = f"signal {-status}"
        self._complaints.seek(0)
        lines = self._complaints.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return f"the decoder process died ({cause}) while it read this file" + (f": {lines[-1]}" if lines else "")

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
