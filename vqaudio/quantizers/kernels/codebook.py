"""The codebook's part in one training step: its vectors before the search, its statistics and its move after it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from vqaudio.quantizers.kernels.job import (
    NEXT_TILE,
    TILE_CODES,
    compiled,
    floats,
    ints,
    sum_of_squares,
    take_next,
    tiles_of,
    total_of,
)


@compiled
def lay_out_tiles(pointer: Any) -> None:
    """Derive the codes as `EmaCodebook` says, a tile at a time, and lay them out beside their -|e|^2 / 2.

    The codes that fill up the last tile are never the nearest: their norm is -inf.  Any number of threads may call it.
    """
    jobs = carray(pointer, (1,))
    job, next_tile = jobs[0], jobs.ctypes.data + NEXT_TILE
    width, num_codes, num_tiles = job.width, job.num_codes, tiles_of(job.num_codes)
    counts, sums = floats(job.counts, (num_codes,)), floats(job.sums, (num_codes, width))
    codebook = floats(job.codebook, (num_codes, width))
    tiles, norms = floats(job.tiles, (num_tiles, width, TILE_CODES)), floats(job.norms, (num_tiles, TILE_CODES))
    total = total_of(counts)
    smoothing = total / (total + num_codes * job.epsilon)
    while True:
        tile = take_next(next_tile)
        if tile >= num_tiles:
            return
        if tile == num_tiles - 1:
            tiles[tile], norms[tile] = 0, -np.inf
        for slot in range(min(TILE_CODES, num_codes - tile * TILE_CODES)):
            code = tile * TILE_CODES + slot
            if job.l2_normalized:
                size = max(np.sqrt(sum_of_squares(sums[code])), np.float32(1e-12))
            else:
                size = (counts[code] + job.epsilon) * smoothing
            for i in range(width):
                codebook[code, i] = sums[code, i] / size
            for i in range(width):
                tiles[tile, i, slot] = codebook[code, i]
            norms[tile, slot] = np.float32(-0.5) * sum_of_squares(codebook[code])


@njit(error_model="numpy")
def add_up(job: Any) -> None:
    """Make the batch's counts and sums by code, in the order of the frames, and its error."""
    num_frames, width, num_codes = job.num_frames, job.width, job.num_codes
    frames, codes = floats(job.frames, (num_frames, width)), ints(job.codes, (num_frames,))
    counts, sums = floats(job.batch_counts, (num_codes,)), floats(job.batch_sums, (num_codes, width))
    counts[:], sums[:] = 0, 0
    for i in range(num_frames):
        counts[codes[i]] += np.float32(1)
        frame, total = frames[i], sums[codes[i]]
        for j in range(width):
            total[j] += frame[j]
    errors = floats(job.errors, (num_frames,))
    if job.weights:
        errors *= floats(job.weights, (num_frames,))
    floats(job.error, (1,))[0] = total_of(errors) / num_frames


@njit(error_model="numpy")
def move(job: Any) -> None:
    """Move counts and sums towards those of the batch, and count the batch in the window.

    least_use: count of the least used code over the mean.  NaN, and nothing moves, where a sum is not finite.
    """
    num_codes, size, move_by = job.num_codes, job.num_codes * job.width, job.move_by
    counts, batch_counts = floats(job.counts, (num_codes,)), floats(job.batch_counts, (num_codes,))
    sums, batch_sums = floats(job.sums, (size,)), floats(job.batch_sums, (size,))
    window = ints(job.window, (num_codes,))
    for code in range(num_codes):
        window[code] += np.int64(batch_counts[code])
    if not np.isfinite(total_of(batch_sums)):
        job.least_use = np.nan
        return
    for code in range(num_codes):
        counts[code] += move_by * (batch_counts[code] - counts[code])
    for i in range(size):
        sums[i] += move_by * (batch_sums[i] - sums[i])
    job.least_use = counts.min() / (total_of(counts) / num_codes)
