"""Streaming resampling, shared by every way of reading: channels averaged, resampled by soxr, cut into blocks."""

from collections.abc import Iterable, Iterator

import numpy as np
import soxr


def num_resampled(num_samples: int, from_hz: int, to_hz: int) -> int:
    """Count the samples after resampling: the exact length rounded half up, and at least 1.

    >>> num_resampled(44_100, 44_100, 16_000), num_resampled(1, 44_100, 16_000)
    (16000, 1)
    """
    return max(1, (2 * num_samples * to_hz + from_hz) // (2 * from_hz))


def resampled(parts: Iterable[np.ndarray], from_hz: int, to_hz: int) -> Iterator[np.ndarray]:
    """Resample mono float32 parts from `from_hz` to `to_hz`; the total has `num_resampled` samples.

    The result does not depend on where the input was cut.  Parts may be empty.  Source: soxr's HQ setting.
    """
    if from_hz == to_hz:
        yield from parts
        return
    stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    num_in = num_out = 0
    for part in parts:
        resampled_part = stream.resample_chunk(np.ascontiguousarray(part, dtype=np.float32))
        num_in, num_out = num_in + len(part), num_out + len(resampled_part)
        yield resampled_part
    if num_in:
        rest = stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
        wanted = max(0, num_resampled(num_in, from_hz, to_hz) - num_out)
        yield np.pad(rest[:wanted], (0, max(0, wanted - len(rest))))  # soxr gives no sample for 1 at 44.1 kHz


def mean_channel(block: np.ndarray) -> np.ndarray:
    """Average channels: `n c` -> `n`.

    Channel by channel: numpy's mean over so short an axis took 60 % of the reading of a file.
    """
    mean = block[:, 0].copy()
    for channel in range(1, block.shape[1]):
        mean += block[:, channel]
    return mean if block.shape[1] == 1 else mean / np.float32(block.shape[1])


def in_blocks(parts: Iterable[np.ndarray], block_samples: int) -> Iterator[np.ndarray]:
    """Cut the same samples every `block_samples`."""
    held: list[np.ndarray] = []
    num_held = 0
    for part in parts:
        held.append(part)
        num_held += len(part)
        if num_held < block_samples:
            continue
        joined = np.concatenate(held)
        end = num_held - num_held % block_samples
        for start in range(0, end, block_samples):
            yield joined[start : start + block_samples]
        held, num_held = [joined[end:]], num_held - end
    if num_held:
        yield np.concatenate(held)
