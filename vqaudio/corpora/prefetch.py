"""Batches made ahead of time in background threads."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any


class Prefetcher:
    """An endless iterator over `make(start_step)`, `make(start_step + 1)`, ..., in order.

    At most `depth` results are made ahead, in `workers` threads.  An error in `make` is raised where its
    batch would have come.  Use it in a `with` block, or call `close()`, so that the threads end.

    waited_s: seconds that the reader has spent waiting for data so far.
    """

    def __init__(self, make: Callable[[int], Any], start_step: int, *, workers: int = 1, depth: int = 4) -> None:
        self._make = make
        self._pool = ThreadPoolExecutor(max(1, workers), thread_name_prefix="prefetch")
        self._ahead: deque[Future[Any]] = deque()
        self._next_step = start_step
        self.waited_s = 0.0
        self._first_asked_s: float | None = None
        for _ in range(max(1, depth)):
            self._submit()

    @property
    def share_waiting(self) -> float:
        """The share of the time since the first batch was asked for that was spent waiting for data, 0 to 1.

        A share above some hundredths says that the device is starved: more workers, or a corpus in memory.
        """
        if self._first_asked_s is None:
            return 0.0
        return min(1.0, self.waited_s / max(time.perf_counter() - self._first_asked_s, 1e-9))

    def __iter__(self) -> "Prefetcher":
        return self

    def __next__(self) -> Any:
        asked_s = time.perf_counter()
        if self._first_asked_s is None:
            self._first_asked_s = asked_s
        result = self._ahead.popleft().result()
        self._submit()
        self.waited_s += time.perf_counter() - asked_s
        return result

    def close(self) -> None:
        """End the threads; batches not yet begun are dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> "Prefetcher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self) -> None:
        self._ahead.append(self._pool.submit(self._make, self._next_step))
        self._next_step += 1
