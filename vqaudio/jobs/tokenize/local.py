"""Tokenizing on this machine: readers in processes, encoders in threads, outcomes in the order of the sources.

    sources -> pump threads (one per reader) -> streams -> encoder threads -> outcomes, put back in order

A pump takes the next file, and its stream goes to the encoders before the first block is decoded.  Every file has an
encoder to itself and every encoder thread one torch thread: neither order, nor batch, nor workers, nor threads can
touch a code.
"""

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import FileEncoder, Outcome
from vqaudio.jobs.tokenize.readers import AudioFileReader, Decoded
from vqaudio.jobs.worker_process import POLL_S, count_cpus

FILES_AHEAD = 4096  # finished files that may wait for an earlier one, beside those in flight

BLOCKS_HELD = 2  # of a file on its way from the thread that reads it to the thread that encodes it


class Stopped(BaseException):
    """The signal that the run is over, to leave a thread.  Not an Exception, so that it is no file's failure."""


class Stream:
    """A bounded queue of two blocks: the reader waits for the encoder, so memory does not grow with the file."""

    def __init__(self, index: int, source: Source, stop: threading.Event) -> None:
        self.index = index
        self.source = source
        self._stop = stop
        self._is_ended = False
        self._items: queue.Queue[np.ndarray | Decoded | VqaudioError] = queue.Queue(BLOCKS_HELD)

    def put(self, item: np.ndarray | Decoded | VqaudioError) -> None:
        """Append a block, when there is room.  The last item is the file's facts, or its error.  Raises Stopped."""
        while not self._stop.is_set():
            try:
                return self._items.put(item, timeout=POLL_S)
            except queue.Full:
                continue
        raise Stopped

    def feed(self, on_block: Callable[[np.ndarray], None]) -> Decoded:
        """Pass the blocks to `on_block` as they come; return the facts.  Raises the reason, or Stopped."""
        while not self._stop.is_set():
            try:
                item = self._items.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, np.ndarray):
                on_block(item)
                continue
            self._is_ended = True
            if isinstance(item, VqaudioError):
                raise item
            return item
        raise Stopped

    def drain(self) -> None:
        """Discard the rest of a file whose encoder has failed, so that its reader can finish."""
        while not self._is_ended:
            try:
                self.feed(lambda block: None)
            except VqaudioError:
                return


class LocalRun:
    """A run over the sources; iterate over `outcomes()` once.

    readers: each is used by one thread, and closed at the end.  num_in_flight: files that may be decoded or waiting
    for an encoder at a time.  stop: set it from anywhere to end early, after the outcome that is being handed out.
    on_early: is given an outcome that has to wait for those of earlier files.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        tokenizer: FileEncoder,
        readers: Sequence[AudioFileReader],
        *,
        num_threads: int,
        num_in_flight: int,
        stop: threading.Event | None = None,
        on_early: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        self._on_early = on_early
        self.num_samples_fed = 0
        self.sources = sources
        self._tokenizer = tokenizer
        self._readers = readers
        self._num_threads = max(1, num_threads)
        self._stop_asked = stop or threading.Event()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._unclaimed = iter(enumerate(sources))
        self._in_flight = threading.Semaphore(max(1, num_in_flight))
        self._ahead = threading.Semaphore(FILES_AHEAD + max(1, num_in_flight))
        self._streams: queue.SimpleQueue[Stream | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[int, Outcome] | BaseException] = queue.SimpleQueue()

    def outcomes(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[Outcome]:
        """Yield every source's outcome, in the order of the sources; `on_wait` is called several times a second."""
        # Start: one pump thread per reader, the encoder threads, and one torch thread in each.
        threads = [threading.Thread(target=self._guard, args=(self._pump, reader)) for reader in self._readers]
        threads += [threading.Thread(target=self._guard, args=(self._encode,)) for _ in range(self._num_threads)]
        threads_before = torch.get_num_threads()
        torch.set_num_threads(1)
        for thread in threads:
            thread.daemon = True
            thread.start()
        try:
            yield from self._in_order(on_wait)
        finally:
            # Stop: wake whoever waits (an encoder for a stream, a reader for its process), then join and close.
            self._stop.set()
            for _ in range(self._num_threads):
                self._streams.put(None)
            for reader in self._readers:
                reader.abort()
            for thread in threads:
                thread.join()
            for reader in self._readers:
                reader.close()
            torch.set_num_threads(threads_before)

    def _in_order(self, on_wait: Callable[[], None]) -> Iterator[Outcome]:
        """Yield outcomes in the order of the sources: those that come early wait for the earlier files."""
        waiting: dict[int, Outcome] = {}
        for index in range(len(self.sources)):
            while index not in waiting:
                if self._stop_asked.is_set():
                    return
                on_wait()
                try:
                    result = self._results.get(timeout=POLL_S)
                except queue.Empty:
                    continue
                if isinstance(result, BaseException):
                    raise result
                waiting[result[0]] = result[1]
                if result[0] != index:
                    self._on_early(result[1])
            yield waiting.pop(index)
            self._ahead.release()

    def _guard(self, work: Callable[..., None], *args: AudioFileReader) -> None:
        """Run a thread's work; its error ends the run, raised by `outcomes`."""
        try:
            work(*args)
        except Stopped:
            pass
        except BaseException as error:
            self._results.put(error)

    def _pump(self, reader: AudioFileReader) -> None:
        """Read files until none is left: claim one, announce its stream to the encoders, then fill it."""
        while (claimed := self._claim()) is not None:
            index, source = claimed
            if source.refusal is not None:
                self._finish(index, Outcome(source, reason=source.refusal))
                continue
            stream = Stream(index, source, self._stop)
            self._streams.put(stream)
            try:
                rate_hz, start_s, end_s = self._tokenizer.sample_rate_hz, source.start_s, source.end_s
                segment = {"start_s": start_s, "end_s": end_s, "part": source.part}
                stream.put(reader.read(source.path, rate_hz, stream.put, **segment))
            except VqaudioError as error:
                stream.put(error)

    def _claim(self) -> tuple[int, Source] | None:
        """Claim the next file, in order, when there is room: so the file that all others wait for is always in work."""
        # Room among the finished files that wait, then among those in flight; a stop ends the wait for either.
        for semaphore in (self._ahead, self._in_flight):
            while self._stop.is_set() or not semaphore.acquire(timeout=POLL_S):
                if self._stop.is_set():
                    raise Stopped
        with self._lock:
            return next(self._unclaimed, None)

    def _encode(self) -> None:
        """Encode streams until there are no more, each file by itself."""
        torch.set_num_threads(1)
        with torch.inference_mode():
            while (stream := self._streams.get()) is not None:
                outcome = self._tokenizer.encode(stream.source, self._counted(stream))
                stream.drain()
                self._finish(stream.index, outcome)

    def _counted(self, stream: Stream) -> Callable[[Callable[[np.ndarray], None]], Decoded]:
        """Make the stream's `feed`, with its samples counted for the progress of the run."""

        def feed(on_block: Callable[[np.ndarray], None]) -> Decoded:
            def count(block: np.ndarray) -> None:
                on_block(block)
                with self._lock:
                    self.num_samples_fed += len(block)

            return stream.feed(count)

        return feed

    def _finish(self, index: int, outcome: Outcome) -> None:
        """Hand out an outcome and make room for the next file."""
        self._results.put((index, outcome))
        self._in_flight.release()


def num_available_cpus() -> int:
    """Count the CPUs that this process may use, or fewer where OMP_NUM_THREADS asks for fewer."""
    available = count_cpus()
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return min(available, int(wanted)) if wanted.isdigit() and int(wanted) > 0 else available
