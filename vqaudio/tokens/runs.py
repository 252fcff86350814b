"""Run-length coding: repeats as (code, duration), the form in which units are symbols with durations."""

import numpy as np

from vqaudio.core.errors import VqaudioError


def to_runs(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge equal neighbouring frames into runs.

    codes: `t` or `k t` integers; of several codebooks, neighbours are equal if all codebooks are.
    Returns (the codes of the runs, `r` or `k r` · durations, `r` int64, frames, each at least 1).

    >>> to_runs(np.array([7, 7, 7, 2, 7]))
    (array([7, 2, 7]), array([3, 1, 1]))
    """
    codes = np.asarray(codes)
    if codes.ndim not in (1, 2):
        raise VqaudioError(f"wanted codes of shape t or k t, got {codes.shape}")
    num_frames = codes.shape[-1]
    if num_frames == 0:
        return codes, np.zeros(0, dtype=np.int64)
    is_change = codes[..., 1:] != codes[..., :-1]
    if codes.ndim == 2:
        is_change = is_change.any(axis=0)
    starts = np.concatenate([[0], np.flatnonzero(is_change) + 1])
    return codes[..., starts], np.diff(np.append(starts, num_frames))


def from_runs(codes: np.ndarray, durations: np.ndarray) -> np.ndarray:
    """Repeat each code for its duration, the exact inverse of `to_runs`.

    Raises VqaudioError if a duration is below 1 or the numbers of runs differ.
    """
    codes, durations = np.asarray(codes), np.asarray(durations)
    if codes.ndim not in (1, 2) or durations.shape != codes.shape[-1:]:
        raise VqaudioError(f"wanted codes r or k r and as many durations, got {codes.shape} and {durations.shape}")
    if durations.size and int(durations.min()) < 1:
        raise VqaudioError(f"every duration must be 1 frame or more, got {durations.min()}")
    return np.repeat(codes, durations, axis=-1)


def to_timed_units(codes: np.ndarray, num_codes: int, longest_frames: int) -> np.ndarray:
    """Write the runs of codes `t` as units, code and duration in turn; a run that is too long is said in parts.

    A duration of n frames is the unit num_codes + n - 1, up to longest_frames.  Returns 1-D int64, twice the parts.

    >>> to_timed_units(np.array([7, 7, 7, 2]), 10, 2)
    array([ 7, 11,  7, 10,  2, 10])
    """
    runs, durations = to_runs(np.asarray(codes, dtype=np.int64))
    num_parts = -(-durations // longest_frames)
    lengths = np.full(int(num_parts.sum()), longest_frames, dtype=np.int64)
    lengths[np.cumsum(num_parts) - 1] = durations - (num_parts - 1) * longest_frames
    return np.stack([np.repeat(runs, num_parts), num_codes + lengths - 1], axis=1).reshape(-1)


def from_timed_units(units: np.ndarray, num_codes: int) -> np.ndarray:
    """Recover the codes `t`, the exact inverse of `to_timed_units`.

    Raises VqaudioError if a code has no duration.
    """
    if len(units) % 2 or (units[::2] >= num_codes).any() or (units[1::2] < num_codes).any():
        raise VqaudioError("the units of segments are code and duration in turn; these are in another order")
    return from_runs(units[::2], units[1::2] - num_codes + 1)
