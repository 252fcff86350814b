"""Scoring of pairs of audio in worker processes, one thread each, with few pairs in memory at a time."""

import multiprocessing
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import NamedTuple

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import Samples
from vqaudio.metrics.pair import check_metrics, score_pair

# Read by the numerical libraries when a worker imports them.
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
PAIRS_PER_WORKER = 4


class Pair(NamedTuple):
    """An original, its decoding, and a key that identifies them."""

    key: tuple[str, str, str]
    reference: Samples
    decoded: Samples


Scored = tuple[tuple[str, str, str], dict[str, float]]


def score_pairs(
    pairs: Iterable[Pair], sample_rate_hz: int, metrics: Sequence[str], num_workers: int
) -> Iterator[Scored]:
    """Score every pair: its key and scores, in no set order.

    num_workers: processes; 0 scores in this one.  At most 4 pairs per worker are held at a time.
    Raises VqaudioError if a worker dies.
    """
    names = check_metrics(metrics)
    if num_workers == 0:
        yield from ((pair.key, score_pair(pair.reference, pair.decoded, sample_rate_hz, names)) for pair in pairs)
        return
    running: dict[Future[dict[str, float]], tuple[str, str, str]] = {}
    spawn = multiprocessing.get_context("spawn")  # a forked child of a process that has used torch's threads can hang
    with _single_threaded_children(), ProcessPoolExecutor(num_workers, spawn) as pool:
        for pair in pairs:
            task = pool.submit(score_pair, pair.reference, pair.decoded, sample_rate_hz, names)
            running[task] = pair.key
            if len(running) >= PAIRS_PER_WORKER * num_workers:
                yield from _collect(running)
        while running:
            yield from _collect(running)


def _collect(running: dict[Future[dict[str, float]], tuple[str, str, str]]) -> Iterator[Scored]:
    """Wait for at least one result and take out all that are there."""
    done, _ = wait(running, return_when=FIRST_COMPLETED)
    for task in done:
        key = running.pop(task)
        try:
            yield key, task.result()
        except BrokenProcessPool as error:
            raise VqaudioError(f"a scoring process died near {key[0]}; give --workers 0 to see where") from error


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Make processes started inside the block compute with one thread each: more than cores stall one another."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
