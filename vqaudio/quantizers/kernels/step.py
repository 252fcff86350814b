"""One training step of an EMA codebook on a CPU, in compiled loops: search, statistics and the move in one go.

Blocks of frames are shared out among the threads that torch already has.  A frame's code is found by the same
operations in the same order whichever thread takes it, and counts and sums are added up in the order of the frames: so
results depend neither on the number of threads nor on how frames fall into blocks.
"""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vqaudio.quantizers.assignment import Assignment

# With fewer products of two numbers there is less than a tenth of a millisecond to win, and a program that never has
# more should not wait for numba.
MIN_PRODUCTS = 2**22


class Loops(NamedTuple):
    """The compiled loops: a kind of job, the sizes of its tiles and blocks, and its two functions in their order."""

    job: Callable[..., Any]
    tile_codes: int
    block_frames: int
    lay_out_tiles: Any
    search: Any


def loops_for(frames: Tensor, counts: Tensor, sums: Tensor) -> Loops | None:
    """Return the compiled loops where they serve these frames `n d` and this codebook, or None."""
    if frames.numel() * counts.shape[0] <= MIN_PRODUCTS or not (frames.is_cpu and sums.is_cpu):
        return None
    is_fit = frames.dtype == sums.dtype == counts.dtype == torch.float32 and sums.is_contiguous()
    return _loops() if is_fit else None


@cache
def _loops() -> Loops | None:
    try:
        from vqaudio.quantizers.kernels.codebook import lay_out_tiles
        from vqaudio.quantizers.kernels.job import TILE_CODES, Job
        from vqaudio.quantizers.kernels.search import BLOCK_FRAMES, search
    except ImportError as error:
        warnings.warn(
            f"{error}: training on a CPU goes on without compiled loops, at two thirds the speed", stacklevel=1
        )
        return None
    return Loops(Job, TILE_CODES, BLOCK_FRAMES, lay_out_tiles, search)


def compiled_step(
    loops: Loops,
    frames: Tensor,
    weights: Tensor | None,
    codebook: tuple[Tensor, Tensor, Tensor],
    *,
    epsilon: float,
    l2_normalized: bool,
    move_by: float | None,
) -> tuple[Assignment, float]:
    """Assign frames `n d` to a codebook's codes as `assign` does, then move the codes.

    weights: `n`, see `assign`.  codebook: its counts `v`, sums `v d`, and the counts of its window `v` int64.
    epsilon: of the counts' smoothing.  move_by: 1 - decay, or None to leave the codebook as it is.
    Returns the assignment, and the count of the least used code over the mean after the move: NaN where nothing moved
    because a number was not finite.
    """
    counts, sums, window = codebook
    (num_frames, width), num_codes = frames.shape, counts.shape[0]
    num_tiles = -(-num_codes // loops.tile_codes)
    frames, weights = frames.contiguous(), None if weights is None else weights.float().contiguous()
    assignment = Assignment(
        codes=torch.empty(num_frames, dtype=torch.int64),
        vectors=frames.new_empty(num_frames, width),
        error=frames.new_empty(()),
        counts=torch.empty_like(counts),
        sums=torch.empty_like(sums),
    )
    # Scratch, in one allocation: vectors of the codes, their tiles, the tiles' norms, errors.
    ends = [num_codes * width]
    ends.append(ends[0] + num_tiles * loops.tile_codes * width)
    ends.append(ends[1] + num_tiles * loops.tile_codes)
    scratch = sums.new_empty(ends[2] + num_frames)
    at = scratch.data_ptr()
    # The job: addresses, sizes, settings.
    job = loops.job(
        *(counts.data_ptr(), sums.data_ptr(), window.data_ptr(), frames.data_ptr()),
        0 if weights is None else weights.data_ptr(),
        *(array.data_ptr() for array in assignment),
        *(at, at + 4 * ends[0], at + 4 * ends[1], at + 4 * ends[2]),
        *(num_frames, width, num_codes, l2_normalized),
        is_moving=move_by is not None,
        epsilon=epsilon,
        move_by=move_by or 0.0,
    )
    # Codes from counts and sums; then search, statistics and move.
    _call(loops.lay_out_tiles, job, max_threads=num_tiles)
    _call(loops.search, job, max_threads=-(-num_frames // loops.block_frames))
    return assignment, job.least_use


def _call(function: Any, job: ctypes.Structure, max_threads: int) -> None:
    """Call a C function without the GIL in at most `max_threads` threads, and as many as torch uses, at once.

    Threads of our own would fight with torch's, which wait for more work in a busy loop on the very cores we need: two
    threads of a Python pool were no faster than one.  `GOMP_parallel` is what a compiler makes of an OpenMP loop; the
    libraries of GNU, LLVM and Intel have it on Linux, and torch has loaded one for all to see.  Where there is none
    the caller works alone.
    """
    num_threads = min(torch.get_num_threads(), max_threads)
    team = _team() if num_threads > 1 else None
    if team is None:
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(function.address)(ctypes.addressof(job))
    else:
        team(function.address, ctypes.addressof(job), num_threads, 0)


@cache
def _team() -> Callable[[int, int, int, int], None] | None:
    """Find `GOMP_parallel(function, argument, num_threads, flags)` of the OpenMP library that torch has loaded."""
    team = getattr(ctypes.CDLL(None), "GOMP_parallel", None)
    if team is not None:
        team.restype, team.argtypes = None, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    return team
