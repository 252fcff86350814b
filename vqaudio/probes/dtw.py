"""Dynamic time warping of many pairs at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

BATCH_CELLS = 4_000_000  # pairs x frames x frames held at a time


def pair_distances(
    tokens: Sequence[NDArray], firsts: NDArray[np.integer], seconds: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Compute the DTW distance of each pair of tokens, tokens[firsts[i]] and tokens[seconds[i]]: `m`.

    tokens: codes `t` (frames differ by 0 or 1) or vectors `t d` (by the angle between them, over pi), t at least 1.
    A path steps by one frame in either or in both; its cost is divided by its length, as libri-light's ABX does.
    Raises VqaudioError for a token without frames.
    """
    lengths = np.array([len(token) for token in tokens], dtype=np.int64)
    if len(lengths) and lengths.min() < 1:
        raise VqaudioError("DTW needs tokens of one frame or more")
    table = _padded(tokens, lengths)
    distances = np.empty(len(firsts))
    # Pairs of like size together, so that little is padded; the longer token of a pair in the rows.
    is_swapped = lengths[firsts] < lengths[seconds]
    longer, shorter = np.where(is_swapped, seconds, firsts), np.where(is_swapped, firsts, seconds)
    order = np.lexsort((lengths[shorter], lengths[longer]))
    start = 0
    while start < len(order):
        rows = int(lengths[longer[order[min(start + 4096, len(order)) - 1]]])
        batch = order[start : start + max(1, min(4096, BATCH_CELLS // (rows * rows)))]
        distances[batch] = _warp(table, lengths, longer[batch], shorter[batch])
        start += len(batch)
    return distances


def _padded(tokens: Sequence[NDArray], lengths: NDArray[np.int64]) -> NDArray:
    """Pad tokens to one table: `tokens t` codes, or `tokens t d` vectors of length 1."""
    longest = int(lengths.max(initial=1))
    shape = (len(tokens), longest, *tokens[0].shape[1:]) if len(tokens) else (0, longest)
    is_codes = len(shape) == 2
    table = np.zeros(shape, dtype=np.int64 if is_codes else np.float32)
    for number, token in enumerate(tokens):
        table[number, : len(token)] = token
    if not is_codes:
        table /= np.maximum(np.linalg.norm(table, axis=-1, keepdims=True), 1e-12)
    return table


def _warp(
    table: NDArray, lengths: NDArray[np.int64], firsts: NDArray[np.integer], seconds: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Warp one batch: all pairs go through the cells together."""
    first, second = table[firsts, : lengths[firsts].max()], table[seconds, : lengths[seconds].max()]
    costs = _frame_costs(first, second)  # m i j
    # best, steps: the cost of the best path to each cell of the current row, and its length.
    num_pairs, num_rows, num_columns = costs.shape
    best = np.full((num_columns + 1, num_pairs), np.inf)
    steps = np.zeros((num_columns + 1, num_pairs))
    best[0] = 0.0
    ends = np.empty(num_pairs)
    for row in range(num_rows):
        above, above_steps = best.copy(), steps.copy()
        best[0], steps[0] = np.inf, 0.0
        for column in range(num_columns):
            # Of equal costs the diagonal step is taken.
            before, length = above[column], above_steps[column]
            for cost, count in ((above[column + 1], above_steps[column + 1]), (best[column], steps[column])):
                is_better = cost < before
                before, length = np.where(is_better, cost, before), np.where(is_better, count, length)
            best[column + 1] = before + costs[:, row, column]
            steps[column + 1] = length + 1
        # Pairs whose first token ends in this row are done.
        is_end = np.flatnonzero(lengths[firsts] == row + 1)
        column = lengths[seconds[is_end]]
        ends[is_end] = best[column, is_end] / steps[column, is_end]
    return ends


def _frame_costs(first: NDArray, second: NDArray) -> NDArray[np.floating]:
    """Compute the cost of each pair of frames: `m i j`."""
    if first.ndim == 2:
        return (first[:, :, None] != second[:, None, :]).astype(np.float32)
    cosines = np.einsum("mid,mjd->mij", first, second)
    return np.arccos(np.clip(cosines, -1.0, 1.0)) / np.pi
