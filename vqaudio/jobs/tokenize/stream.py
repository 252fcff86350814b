"""One file on its way from the thread that decodes it to the thread that encodes it."""

import queue
import threading
from collections.abc import Callable

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.readers import Decoded

BLOCKS_HELD = 2
POLL_S = 0.2


class Stopped(BaseException):
    """The run is over; leave the thread.  Not an Exception, so that nobody takes it for a file's failure."""


class Stream:
    """Holds two blocks: the decoder waits for the encoder, so memory does not grow with the file."""

    def __init__(self, index: int, source: Source, stop: threading.Event) -> None:
        self.index = index
        self.source = source
        self._stop = stop
        self._is_ended = False
        self._items: queue.Queue[np.ndarray | Decoded | VqaudioError] = queue.Queue(BLOCKS_HELD)

    def put(self, item: np.ndarray | Decoded | VqaudioError) -> None:
        """Wait for room.  The last item is the file's facts, or the reason why it ended.  Raises Stopped."""
        while not self._stop.is_set():
            try:
                return self._items.put(item, timeout=POLL_S)
            except queue.Full:
                continue
        raise Stopped

    def feed(self, on_block: Callable[[np.ndarray], None]) -> Decoded:
        """Give the blocks to `on_block` as they come; return the facts.  Raises the reason, or Stopped."""
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
        """Let the decoder finish a file whose encoder has given up."""
        while not self._is_ended:
            try:
                self.feed(lambda block: None)
            except VqaudioError:
                return
