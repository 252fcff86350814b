"""The whole frames in a stream of units that may be broken anywhere, as what a language model samples is.

`tokens.patterns.from_units` undoes a pattern exactly and refuses what is not exact; this keeps every frame that has all
its codes and drops the others.  Where streams have no token between documents, the pattern tells where one begins.
"""

import numpy as np

from vqaudio.tokens.patterns import pad_unit


def whole_frames(
    units: np.ndarray, pattern: str, num_codebooks: int, codebook_size: int, *, is_joined: bool = False
) -> list[np.ndarray]:
    """Find the frames that have all their codes.

    units: 1-D, each a code of some codebook or the padding unit.  is_joined: documents may follow one another with
    nothing in between.  Returns the codes `k t` int64 of each document, none of them without frames.
    """
    if num_codebooks == 1:
        found = [units[None, units < codebook_size]]
    elif pattern == "delayed":
        found = _delayed(units, num_codebooks, codebook_size, is_joined)
    elif pattern == "coarse-first":
        found = _coarse_first(units, num_codebooks, codebook_size, is_joined)
    else:
        books = np.arange(num_codebooks)
        found = [units[_starts(units // codebook_size, books)[None] + books[:, None]]]
    first_units = np.arange(num_codebooks)[:, None] * codebook_size
    return [frames - first_units for frames in found if frames.shape[1]]


def _starts(books: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Find where the codebooks of neighbouring units are the wanted ones, 1-D."""
    if len(books) < len(wanted):
        return np.zeros(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(books, len(wanted))
    return np.flatnonzero((windows == wanted).all(axis=1))


def _delayed(units: np.ndarray, num_codebooks: int, codebook_size: int, is_joined: bool) -> list[np.ndarray]:
    """Read the steps, and of the steps in a row the diagonals without padding."""
    pad = pad_unit(num_codebooks, codebook_size)
    documents, frames, books = [], [], np.arange(num_codebooks)
    for steps in _runs_of_steps(units, num_codebooks, codebook_size):
        begins = (steps[:, 0] != pad) & (steps[:, 1:] == pad).all(axis=1) & is_joined
        firsts = np.arange(max(0, len(steps) - num_codebooks + 1))
        diagonals = steps[firsts[:, None] + books, books]
        for first in firsts[(diagonals != pad).all(axis=1) | begins[: len(firsts)]]:
            if begins[first] and frames:
                documents.append(frames)
                frames = []
            if (diagonals[first] != pad).all():
                frames.append(diagonals[first])
    return [np.array(frames, dtype=np.int64).T for frames in [*documents, frames] if frames]


def _runs_of_steps(units: np.ndarray, num_codebooks: int, codebook_size: int) -> list[np.ndarray]:
    """Cut units into steps `s k`, of which each has a code in its place at least; a run ends where units do not fit."""
    if len(units) < num_codebooks:
        return []
    books, pad = units // codebook_size, pad_unit(num_codebooks, codebook_size)
    windows = np.lib.stride_tricks.sliding_window_view(books, num_codebooks)
    is_pad = np.lib.stride_tricks.sliding_window_view(units, num_codebooks) == pad
    is_step = ((windows == np.arange(num_codebooks)) | is_pad).all(axis=1) & ~is_pad.all(axis=1)
    ends = _ends(is_step, num_codebooks)
    runs, place = [], 0
    while place < len(is_step):
        if ends[place] == place:
            place += 1
            continue
        runs.append(units[place : ends[place]].reshape(-1, num_codebooks))
        place = int(ends[place])
    return runs


def _ends(is_step: np.ndarray, stride: int) -> np.ndarray:
    """Find for each place the first of place, place + stride, ... at which there is no step."""
    ends = np.arange(len(is_step))
    for first in range(min(stride, len(is_step))):
        places = ends[first::stride]
        stops = np.where(is_step[first::stride], places[-1] + stride, places)
        ends[first::stride] = np.minimum.accumulate(stops[::-1])[::-1]
    return ends


def _coarse_first(units: np.ndarray, num_codebooks: int, codebook_size: int, is_joined: bool) -> list[np.ndarray]:
    """Read the first codebook, then the fine codes as far as nothing is missing among them."""
    is_coarse = units < codebook_size
    begins = np.flatnonzero(is_coarse[1:] & ~is_coarse[:-1]) + 1 if is_joined else []
    documents = []
    for document in np.split(units, begins):
        num_coarse = int(np.append(document < codebook_size, False).argmin())
        fine = document[num_coarse:]
        fine = fine[: len(fine) // (num_codebooks - 1) * (num_codebooks - 1)].reshape(-1, num_codebooks - 1)
        is_whole = (fine // codebook_size == np.arange(1, num_codebooks)).all(axis=1)
        num_frames = min(num_coarse, int(np.append(is_whole, False).argmin()))
        documents.append(np.concatenate([document[None, :num_frames], fine[:num_frames].T]))
    return documents
