"""Decoding of a token store to sound: one wav file for each row, in memory that does not grow with a file's length."""

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from vqaudio.audio.files import write_blocks
from vqaudio.core.durable import make_folder
from vqaudio.tokens.schema import TokenRow

FRAMES_AT_ONCE = 1000  # 20 s at 50 frames a second


class BlockDecoder(Protocol):
    """The decoder of one file whose codes come in blocks, such as `vqaudio.codec.streaming.StreamingDecoder`."""

    def push(self, codes: np.ndarray, pitch: np.ndarray | None = None) -> np.ndarray:
        """Decode codes `k t`, with pitch `t` where there is some; return the samples that became final."""
        ...

    def finish(self, num_samples: int) -> np.ndarray:
        """Return the rest, so that there are `num_samples` in all."""
        ...


def decode_rows(
    rows: Iterable[TokenRow],
    path_of: Callable[[str], Path],
    make_decoder: Callable[[float], BlockDecoder],
    *,
    sample_rate_hz: int,
    num_codebooks: int | None = None,
    num_threads: int = 1,
    stop: threading.Event | None = None,
) -> Iterator[TokenRow]:
    """Decode every row to `path_of(id)`; yield the row when its file is whole.

    make_decoder: is given the median of the row's pitch.  num_codebooks: use only the first ones.
    stop: set it to end after the files in work.
    Raises VqaudioError if a file cannot be written.
    """

    def decode(row: TokenRow) -> TokenRow:
        torch.set_num_threads(1)
        blocks = sound_of(row, make_decoder(row.pitch_median_hz), num_codebooks)
        make_folder(path_of(row.id).parent)
        write_blocks(path_of(row.id), blocks, sample_rate_hz)
        return row

    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(num_threads) as pool:
            in_work: set[Future[TokenRow]] = set()
            for row in rows:
                if stop is not None and stop.is_set():
                    break
                in_work.add(pool.submit(decode, row))
                if len(in_work) > num_threads:
                    done, in_work = wait(in_work, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in in_work)
    finally:
        torch.set_num_threads(threads_before)


def sound_of(row: TokenRow, decoder: BlockDecoder, num_codebooks: int | None = None) -> Iterator[np.ndarray]:
    """Decode the row's `num_samples` samples, in blocks; with its pitch, if it has some."""
    with torch.inference_mode():
        for start in range(0, row.codes.shape[1], FRAMES_AT_ONCE):
            frames = slice(start, start + FRAMES_AT_ONCE)
            pitch = None if row.pitch is None else row.pitch[frames].astype(np.int64)
            yield decoder.push(row.codes[:num_codebooks, frames].astype(np.int64), pitch)
        yield decoder.finish(row.num_samples)
