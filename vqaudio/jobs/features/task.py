"""Vectors of one file, as a piece of work for the engine that tokenizes: `vqaudio.jobs.tokenize.local`."""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from vqaudio.jobs.features.vectors import FrameVectors, Vectors
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import FileTokenizer, Outcome
from vqaudio.jobs.tokenize.readers import Decoded

NO_CODES = np.zeros((0, 0), dtype=np.int64)


class VectorTask:
    """Computes the vectors of files, several in several threads, and hands them to `keep`.

    An outcome has codes of no codebook, `0 t`, which count its frames.
    """

    def __init__(self, vectors: FrameVectors, keep: Callable[[Source, Vectors], None]) -> None:
        self.vectors, self.keep, self.sample_rate_hz = vectors, keep, vectors.facts.sample_rate_hz

    def encode(self, source: Source, feed: Callable[[Callable[[np.ndarray], None]], Decoded]) -> Outcome:
        """Compute and keep the vectors of one file; see `FileTokenizer`."""
        keep = partial(self.keep, source)
        return FileTokenizer(lambda: _Whole(self.vectors, keep), self.sample_rate_hz).encode(source, feed)


class _Whole:
    """A BlockEncoder without codes that keeps the blocks of a recording for its end."""

    def __init__(self, vectors: FrameVectors, keep: Callable[[Vectors], None]) -> None:
        self._vectors, self._keep = vectors, keep
        self._blocks: list[NDArray[np.float32]] = []

    def push(self, samples: np.ndarray) -> np.ndarray:
        self._blocks.append(np.array(samples, dtype=np.float32))
        return NO_CODES

    def finish(self) -> np.ndarray:
        found = self._vectors(np.concatenate(self._blocks))
        self._keep(found)
        return np.zeros((0, len(found)), dtype=np.int64)
