"""Many recordings through aligner processes: one recording each at a time, so that a crash costs one recording."""

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.sources import Source
from vqaudio.jobs.worker import DONE
from vqaudio.jobs.worker_process import POLL_S, WorkerProcess

WORKER_CODE = "from vqaudio.jobs.align.worker import main; main()"
PATIENCE_S = 3600.0  # an aligner says nothing before it is done
NO_TRANSCRIPT = "there is no transcript of it"


@dataclass(frozen=True)
class AlignOutcome:
    """The outcome of one recording: tiers `words` and `phones` that cover it, or the reason why there are none.

    unknown_words: what the dictionary does not have, where that is the reason.
    """

    source: Source
    tiers: Mapping[str, list[Interval]] | None = None
    duration_s: float = 0.0
    warnings: tuple[str, ...] = ()
    reason: str | None = None
    unknown_words: tuple[str, ...] = ()


class AlignRun:
    """One pass over the sources, which have their texts; iterate over `outcomes()` once.

    dictionary: path of further pronunciations, or None.  stop: set it from anywhere to end early.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        num_workers: int,
        dictionary: str | None = None,
        accepts_unknown: bool = False,
        stop: threading.Event | None = None,
    ) -> None:
        self._settings = {"dictionary": dictionary, "accepts_unknown": accepts_unknown}
        self._sources = sources
        self._num_workers = max(1, min(num_workers, len(sources)))
        self._stop = stop or threading.Event()
        self._idle: queue.SimpleQueue[WorkerProcess] = queue.SimpleQueue()

    def outcomes(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[AlignOutcome]:
        """Yield the outcome of every source, as they come; `on_wait` is called several times a second."""
        workers = [WorkerProcess("aligner", WORKER_CODE, PATIENCE_S) for _ in range(self._num_workers)]
        for worker in workers:
            self._idle.put(worker)
        executor = ThreadPoolExecutor(self._num_workers)
        pending = {executor.submit(self._align_in_idle_worker, source) for source in self._sources}
        try:
            while pending and not self._stop.is_set():
                on_wait()
                done, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.abort()
            executor.shutdown()
            for worker in workers:
                worker.close()

    def _align_in_idle_worker(self, source: Source) -> AlignOutcome:
        worker = self._idle.get()
        try:
            return self._align(worker, source)
        finally:
            self._idle.put(worker)

    def _align(self, worker: WorkerProcess, source: Source) -> AlignOutcome:
        if source.refusal is not None or source.text is None:
            return AlignOutcome(source, reason=source.refusal or NO_TRANSCRIPT)
        try:
            with closing(worker.answers({"path": source.path, "text": source.text, **self._settings})) as answers:
                tag, payload = next(answers)
        except VqaudioError as error:
            return AlignOutcome(source, reason=str(error))
        return outcome_of(source, json.loads(payload), is_done=tag == DONE)


def outcome_of(source: Source, facts: Mapping[str, Any], *, is_done: bool) -> AlignOutcome:
    """Read the outcome from an aligner's answer."""
    if not is_done:
        return AlignOutcome(source, reason=facts["reason"], unknown_words=tuple(facts.get("unknown_words", ())))
    tiers = {name: [Interval(*fields) for fields in facts[name]] for name in ("words", "phones")}
    return AlignOutcome(source, tiers, facts["duration_s"], tuple(facts["warnings"]))
