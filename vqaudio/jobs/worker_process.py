"""A worker process that answers questions about one file at a time, and may die of one: started anew for the next.

A question is one line of JSON on its stdin, an answer a header (tag and length) and a payload on its stdout; see
`vqaudio.jobs.worker`.  No pickle passes.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO, Any

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.worker import HEADER, SAMPLES

PACKAGE = Path(__file__).resolve().parents[1]
POLL_S = 0.2  # how often a thread that waits looks whether the run is over
# The package comes from its own folder: nothing that lies in the current folder or beside the package is imported.
_START = """
import importlib.util, sys
sys.path += [path for path in {paths!r} if path not in sys.path]
spec = importlib.util.spec_from_file_location("vqaudio", {init!r}, submodule_search_locations=[{package!r}])
sys.modules["vqaudio"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["vqaudio"])
"""


def count_cpus() -> int:
    """Count the CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def isolated_python(code: str) -> tuple[str, ...]:
    """Build the command of a process that runs `code` with this package and the libraries of this process.

    Python's isolated mode leaves the current folder, PYTHONPATH and the user's folder out of its path: code that lies
    beside recordings is not run.  What this process found elsewhere is added, but never the current folder.
    """
    here = os.path.realpath(os.curdir)
    paths = [
        path for path in sys.path if os.path.isabs(path) and os.path.realpath(path) not in (here, str(PACKAGE.parent))
    ]
    start = _START.format(paths=paths, init=str(PACKAGE / "__init__.py"), package=str(PACKAGE))
    return (sys.executable, "-I", "-c", start + code)


class WorkerProcess:
    """A worker process for one file at a time.

    role: what it is called in sentences, such as "decoder".  code: what it runs, see `isolated_python`.
    patience_s: how long it may be silent.
    """

    def __init__(self, role: str, code: str, patience_s: float) -> None:
        self.role, self.command, self.patience_s = role, isolated_python(code), patience_s
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in close)
        self._process: subprocess.Popen[bytes] | None = self._start()

    def answers(self, request: Mapping[str, Any]) -> Generator[tuple[bytes, bytearray], None, None]:
        """Send a request; yield every answer up to the last one, the first that is not SAMPLES.

        Close the iterator if you leave it early.  Raises VqaudioError if the process dies or falls silent.
        """
        if self._process is not None and self._process.poll() is not None:
            self._end()  # it died between two files: nobody's fault that is known
        process = self._process = self._process or self._start()
        self._complaints.seek(0)
        self._complaints.truncate()  # the child shares this file's position: each file starts a clean page
        is_whole = False
        try:
            assert process.stdin is not None
            process.stdin.write(json.dumps(request).encode() + b"\n")
            while not is_whole:
                tag, num_bytes = HEADER.unpack(self._receive(process, HEADER.size))
                payload = self._receive(process, num_bytes)
                is_whole = tag != SAMPLES
                yield tag, payload
        except (EOFError, BrokenPipeError) as error:
            raise VqaudioError(self._death_reason(process)) from error
        finally:
            if not is_whole:  # in the middle of a file: the pipe's contents belong to nobody
                self._end()

    def abort(self) -> None:
        """Stop a request from another thread: make whoever waits for an answer stop waiting."""
        if (process := self._process) is not None:
            process.kill()

    def close(self) -> None:
        """End the process."""
        self._end()
        self._complaints.close()

    def _start(self) -> subprocess.Popen[bytes]:
        one_thread = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        return subprocess.Popen(
            self.command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={**os.environ, **one_thread},
        )

    def _receive(self, process: subprocess.Popen[bytes], num_bytes: int) -> bytearray:
        assert process.stdout is not None
        received = bytearray(num_bytes)
        rest = memoryview(received)
        while rest:
            if not select.select([process.stdout], [], [], self.patience_s)[0]:
                raise VqaudioError(f"the {self.role} gave nothing for {self.patience_s:.0f} s and was ended")
            count = process.stdout.readinto(rest)  # type: ignore[attr-defined]  (bufsize=0 makes it a FileIO)
            if not count:
                raise EOFError
            rest = rest[count:]
        return received

    def _death_reason(self, process: subprocess.Popen[bytes]) -> str:
        """Say why the process died, in words, with the last line it wrote to stderr."""
        status = process.wait()
        try:
            cause = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        except ValueError:
            cause = f"signal {-status}"
        self._complaints.seek(0)
        lines = self._complaints.read()[-2000:].decode("utf-8", "replace").strip().splitlines()
        return f"the {self.role} process died ({cause}) while it read this file" + (f": {lines[-1]}" if lines else "")

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        self._process = None
