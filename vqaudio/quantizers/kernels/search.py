"""The search of one training step: scores stay in the processor's registers and never reach memory.

    a tile:  4 frames x 24 codes            registers:  3 vectors of 8 codes x 4 frames = 12 running scores
             over all d dimensions                      + 3 of the codes + 1 of a frame = 16, all that AVX2 has

A plain loop in numba writes its running scores back at every step, which costs more than the products themselves. So
the tile's loop is written as LLVM instructions on vectors, which LLVM fits to the processor it is on.
Source: the register blocking of Goto and van de Geijn 2008, Anatomy of high-performance matrix multiplication.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.core import cgutils

from vqaudio.quantizers.kernels.codebook import add_up, move
from vqaudio.quantizers.kernels.job import (
    LANES,
    NEXT_BLOCK,
    NUM_DONE,
    TILE_CODES,
    TILE_VECTORS,
    compiled,
    floats,
    instructions,
    ints,
    take_next,
    tiles_of,
)

TILE_FRAMES = 4
BLOCK_FRAMES = 32  # a multiple of TILE_FRAMES: what a thread takes at a time

_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_INT, LANES)
_FUSED = ("contract",)  # a * b + c in one rounding where the processor can


@instructions
def _fold_tile(typing: Any, rows: Any, width: Any, tile: Any, norms: Any, first: Any, best: Any, origins: Any) -> Any:
    """Fold the scores of `TILE_FRAMES` frames with the codes of one tile into the best so far.

    rows: tuple of `TILE_FRAMES` addresses of frames.  tile: address of `width x TILE_CODES`.  norms: address of the
    tile's `TILE_CODES` of -|e|^2 / 2.  first: number of the tile's first vector of codes.
    best, origins: addresses of `TILE_FRAMES x LANES`: of the codes that share a lane, the largest score (float32) and
    the number of the vector (int32) it came from; code = origins * LANES + lane.
    An equal score does not replace the one before it, nor does NaN.
    """
    return types.void(rows, width, tile, norms, first, best, origins), _write_fold_tile


def _write_fold_tile(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    rows, width, tile, norms, first, best, origins = arguments
    frames = [builder.inttoptr(row, _FLOAT.as_pointer()) for row in cgutils.unpack_tuple(builder, rows)]
    start = [_load(builder, norms, v, _FLOATS) for v in range(TILE_VECTORS)]
    scores = [[cgutils.alloca_once_value(builder, value) for value in start] for _ in frames]
    with cgutils.for_range(builder, width) as loop:
        number = builder.mul(loop.index, loop.index.type(TILE_VECTORS))
        codes = [_load(builder, tile, builder.add(number, number.type(v)), _FLOATS) for v in range(TILE_VECTORS)]
        for frame, running in zip(frames, scores, strict=True):
            value = _spread(builder, builder.load(builder.gep(frame, [loop.index])), _FLOATS)
            for score, code in zip(running, codes, strict=True):
                product = builder.fmul(value, code, flags=_FUSED)
                builder.store(builder.fadd(builder.load(score), product, flags=_FUSED), score)
    numbers = [_spread(builder, builder.add(builder.trunc(first, _INT), _INT(v)), _INTS) for v in range(TILE_VECTORS)]
    for row, running in enumerate(scores):
        largest, where = _load(builder, best, row, _FLOATS), _load(builder, origins, row, _INTS)
        for score, number in zip(running, numbers, strict=True):
            value = builder.load(score)
            is_larger = builder.fcmp_ordered(">", value, largest)
            largest, where = builder.select(is_larger, value, largest), builder.select(is_larger, number, where)
        builder.store(largest, _vector_at(builder, best, row, _FLOATS), align=4)
        builder.store(where, _vector_at(builder, origins, row, _INTS), align=4)
    return ir.Constant(ir.IntType(8).as_pointer(), None)  # None


def _vector_at(builder: Any, address: Any, number: Any, kind: Any) -> Any:
    number = number if isinstance(number, ir.Value) else ir.IntType(64)(number)
    return builder.gep(builder.inttoptr(address, kind.as_pointer()), [number])


def _load(builder: Any, address: Any, number: Any, kind: Any) -> Any:
    return builder.load(_vector_at(builder, address, number, kind), align=4)


def _spread(builder: Any, value: Any, kind: Any) -> Any:
    """Broadcast a number to every lane."""
    nothing = ir.Constant(kind, ir.Undefined)
    return builder.shuffle_vector(
        builder.insert_element(nothing, value, _INT(0)), nothing, ir.Constant(_INTS, [0] * LANES)
    )


@njit
def _best_of_lanes(scores: Any, origins: Any) -> Any:
    """Find the code of the largest score; the lowest of equal ones."""
    score, code = scores[0], LANES * origins[0]
    for lane in range(1, LANES):
        other = LANES * origins[lane] + lane
        if scores[lane] > score or (scores[lane] == score and other < code):
            score, code = scores[lane], other
    return code


@njit(fastmath={"contract", "reassoc"})
def _copy(source: Any, target: Any, frame: Any) -> Any:
    """Copy source to target; returns its squared distance to a frame."""
    error = np.float32(0)
    for i in range(source.shape[0]):
        target[i] = source[i]
        error += (frame[i] - source[i]) ** 2
    return error


@njit
def _search_block(job: Any, begin: Any, end: Any, best: Any, origins: Any) -> None:
    """Fold all tiles into the best scores `n lane` of frames begin to end, and the vectors they came from."""
    tiles, norms, tile_bytes, row_bytes = job.tiles, job.norms, 4 * TILE_CODES * job.width, 4 * job.width
    first, last = job.frames + begin * row_bytes, job.frames + (job.num_frames - 1) * row_bytes
    best_bytes, origin_bytes = best.ctypes.data, origins.ctypes.data
    best[:], origins[:] = -np.inf, 0
    for tile in range(tiles_of(job.num_codes)):
        for row in range(0, end - begin, TILE_FRAMES):
            # Behind the last frame stands the last frame again.
            a = first + row * row_bytes
            b, c, d = a + row_bytes, a + 2 * row_bytes, a + 3 * row_bytes
            _fold_tile(
                (a, min(b, last), min(c, last), min(d, last)),
                job.width,
                tiles + tile * tile_bytes,
                norms + tile * 4 * TILE_CODES,
                tile * TILE_VECTORS,
                best_bytes + row * 4 * LANES,
                origin_bytes + row * 4 * LANES,
            )


@compiled
def search(pointer: Any) -> None:
    """Find codes, vectors and errors of one block of frames after the other; any number of threads may call it.

    errors: each frame's mean squared distance to its vector.  The thread that does the last block goes on with what
    the codebook learns.
    """
    jobs = carray(pointer, (1,))
    job, next_block, num_done = jobs[0], jobs.ctypes.data + NEXT_BLOCK, jobs.ctypes.data + NUM_DONE
    num_frames, width = job.num_frames, job.width
    frames, codebook = floats(job.frames, (num_frames, width)), floats(job.codebook, (job.num_codes, width))
    vectors, errors = floats(job.vectors, (num_frames, width)), floats(job.errors, (num_frames,))
    codes = ints(job.codes, (num_frames,))
    best, origins = np.empty((BLOCK_FRAMES, LANES), np.float32), np.empty((BLOCK_FRAMES, LANES), np.int32)
    num_blocks = (num_frames + BLOCK_FRAMES - 1) // BLOCK_FRAMES
    while True:
        block = take_next(next_block)
        if block >= num_blocks:
            return
        begin, end = block * BLOCK_FRAMES, min((block + 1) * BLOCK_FRAMES, num_frames)
        _search_block(job, begin, end, best, origins)
        for i in range(begin, end):
            code = _best_of_lanes(best[i - begin], origins[i - begin])
            codes[i] = code
            errors[i] = _copy(codebook[code], vectors[i], frames[i]) / width
        if take_next(num_done) == num_blocks - 1:
            add_up(job)
            if job.is_moving:
                move(job)
