"""A codec in plain numpy: fast, and as touchy as a real one about lost, doubled or swapped samples."""

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

RATE_HZ, HOP_SAMPLES, NUM_CODEBOOKS = 16_000, 320, 4
PATIENCE_S = 60.0  # a run takes a second where nothing else runs


class HashEncoder:
    """Every frame's codes depend on all samples before its end, as in a causal codec with a long memory."""

    def __init__(self) -> None:
        self.memory = 1
        self.waiting = np.zeros(0, dtype=np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.waiting = np.concatenate([self.waiting, samples])
        whole = len(self.waiting) // HOP_SAMPLES * HOP_SAMPLES
        frames, self.waiting = self.waiting[:whole].reshape(-1, HOP_SAMPLES), self.waiting[whole:]
        codes = [self._code(frame) for frame in frames]
        return np.array(codes, dtype=np.int64).reshape(-1, NUM_CODEBOOKS).T

    def finish(self) -> np.ndarray:
        if not len(self.waiting):
            return np.zeros((NUM_CODEBOOKS, 0), dtype=np.int64)
        return self.push(np.zeros(HOP_SAMPLES - len(self.waiting), dtype=np.float32))

    def _code(self, frame: np.ndarray) -> list[int]:
        weights = np.arange(1, HOP_SAMPLES + 1)
        self.memory = (self.memory * 31 + int((np.round(frame * 32768).astype(np.int64) * weights).sum())) % 1_000_003
        return [(self.memory >> shift) % 1024 for shift in range(NUM_CODEBOOKS)]


@pytest.fixture
def bounded() -> Callable[[Callable[[], Any]], Any]:
    """Runs work and gives what it returns or raises; work that hangs fails instead of stalling every test after it."""

    def run(work: Callable[[], Any]) -> Any:
        answers: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()

        def answer() -> None:
            try:
                answers.put((True, work()))
            except BaseException as error:
                answers.put((False, error))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            is_done, found = answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            pytest.fail(f"the run hangs: nothing came for {PATIENCE_S:.0f} s")
        thread.join()
        if not is_done:
            raise found
        return found

    return run


@pytest.fixture
def make_encoder() -> Callable[[], HashEncoder]:
    return HashEncoder


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """A folder of twelve short recordings, in two subfolders, with lengths on both sides of a frame's border."""
    generator = np.random.default_rng(0)
    root = tmp_path / "wavs"
    for index, extra in enumerate([0, 1, -1, 0, 1, -1, 7, 100, 319, 3, 5, -100]):
        path = root / f"speaker{index % 2}" / f"{index:02}.{'flac' if index % 3 else 'wav'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.1 * generator.standard_normal(HOP_SAMPLES * (index + 1) + extra)
        soundfile.write(path, samples, RATE_HZ, subtype="PCM_16")
    return root
