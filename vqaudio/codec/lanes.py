"""Lanes: windows of several streams computed as one batch of fixed shape, whoever the neighbours are.

    streams, each in a thread of its own -> wait here -> batches of as many windows as lanes -> results

A stream that hands in a window waits for its result.  One of those that wait takes the windows of the others along, so
no thread of its own is needed.  On a CPU there is one lane: there the products of one window are large enough, and
batches of 2, 4 or 8 gain nothing (recipes/benchmarks/lanes.py).
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")
Result = TypeVar("Result")


class Lanes(Generic[Work, Result]):
    """A batch that the threads of several streams share.

    compute: computes pieces of work, at most num_lanes of them, in one batch; it sees to the fixed shape.
    """

    def __init__(self, compute: Callable[[Sequence[Work]], Sequence[Result]], num_lanes: int) -> None:
        self._compute, self.num_lanes = compute, num_lanes
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._waiting: deque[_Ticket[Work, Result]] = deque()

    def run(self, work: Work) -> Result:
        """Compute one piece of work, together with what others wait for.  Raises what `compute` raises for it."""
        ticket = _Ticket[Work, Result](work)
        with self._lock:
            self._waiting.append(ticket)
        with self._turn:  # whoever gets it computes for those that came first; one's own may be among them, or done
            while not ticket.is_done:
                with self._lock:
                    batch = [self._waiting.popleft() for _ in range(min(self.num_lanes, len(self._waiting)))]
                self._finish(batch)
        if ticket.error is not None:
            raise ticket.error
        return ticket.results[0]

    def _finish(self, batch: "list[_Ticket[Work, Result]]") -> None:
        try:
            results = self._compute([ticket.work for ticket in batch])
        except Exception as error:
            if len(batch) == 1:
                batch[0].error, batch[0].is_done = error, True
                return
            for ticket in batch:  # each by itself: work that cannot be done costs nobody else
                self._finish([ticket])
            return
        for ticket, result in zip(batch, results, strict=True):
            ticket.results, ticket.is_done = [result], True


class _Ticket(Generic[Work, Result]):
    """A piece of work that waits for its result."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.results: list[Result] = []
        self.error: Exception | None = None
        self.is_done = False
