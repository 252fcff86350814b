"""The job that the loops of `compiled_step` work on, and the compiler settings they share.

The files of this folder, but for `step`, import numba and compile when they are imported: some seconds the first time
on a machine.
"""

from __future__ import annotations

import ctypes
import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, config, from_dtype, njit, types
from numba.extending import intrinsic

if config.DISABLE_JIT:  # pyright: ignore[reportAttributeAccessIssue]
    raise ImportError("NUMBA_DISABLE_JIT is set, numba compiles nothing")

LANES, TILE_VECTORS = 8, 3
TILE_CODES = LANES * TILE_VECTORS

# Numba hands the first argument in, which a type checker cannot know.
instructions = cast(Callable[[Callable[..., Any]], Any], intrinsic)


def sources_digest(folder: Path) -> str:
    """Hash the sources of a folder to 16 hex digits."""
    sources = b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))
    return hashlib.sha256(sources).hexdigest()[:16]


class Job(ctypes.Structure):
    """Arguments of one step: addresses of contiguous arrays (float32, unless said to be int64), sizes, and results.

    Running, moved by the step: counts `v`, sums `v d`, window `v` int64.  Scratch: codebook `v d`, tiles `tile d code`,
    norms `tile code`.  In: frames `n d`, their weights `n` or 0.  Out: codes `n` int64, vectors `n d`, errors `n`, the
    mean error, batch_counts `v`, batch_sums `v d`.
    is_moving: whether the step ends with `move`, by move_by = 1 - decay; least_use: see there.
    epsilon: of the smoothing.  next_tile, next_block, num_done: counters of tiles and blocks, which start at 0.
    """

    _fields_ = (
        *((name, ctypes.c_int64) for name in ("counts", "sums", "window", "frames", "weights", "codes", "vectors")),
        *((name, ctypes.c_int64) for name in ("error", "batch_counts", "batch_sums", "codebook", "tiles", "norms")),
        *((name, ctypes.c_int64) for name in ("errors", "num_frames", "width", "num_codes", "l2_normalized")),
        *((name, ctypes.c_int64) for name in ("is_moving", "next_tile", "next_block", "num_done")),
        *((name, ctypes.c_float) for name in ("epsilon", "move_by", "least_use")),
        # Numba keeps a compiled function until its own file changes, whatever becomes of the files it calls. So the
        # type of its argument names them all: what was kept for other sources is a function of another type.
        (f"sources_{sources_digest(Path(__file__).parent)}", ctypes.c_int32),
    )


# Where a job keeps its counters, in bytes.
NEXT_TILE, NEXT_BLOCK, NUM_DONE = Job.next_tile.offset, Job.next_block.offset, Job.num_done.offset


def compiled(function: Callable[..., None]) -> Any:
    """Compile a function of the address of a `Job` now, and keep it on disk where there is a folder for that."""
    signature = types.void(types.CPointer(from_dtype(np.dtype(Job))))
    try:
        return cfunc(signature, cache=True, error_model="numpy")(function)
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        warnings.warn(
            f"{error}: every process compiles it anew; set NUMBA_CACHE_DIR to a folder that can be written",
            stacklevel=2,
        )
        return cfunc(signature, error_model="numpy")(function)


@instructions
def take_next(typing: Any, address: Any) -> Any:
    """Increment the int64 at that address and return what it was: no two threads get the same number.

    What a thread wrote before is seen by those that come here after it.
    """

    def write(_: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        counter = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.atomic_rmw("add", counter, ir.IntType(64)(1), "acq_rel")

    return types.int64(address), write


@instructions
def _pointer(typing: Any, address: Any, kind: Any) -> Any:
    """Cast an address to a pointer to numbers of that kind, for `carray`."""

    def write(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(kind.dtype)(address, kind), write


@njit
def floats(address: Any, shape: Any) -> Any:
    """View the array of float32 at an address."""
    return carray(_pointer(address, np.float32), shape)


@njit
def ints(address: Any, shape: Any) -> Any:
    """View the array of int64 at an address."""
    return carray(_pointer(address, np.int64), shape)


@njit(fastmath={"contract", "reassoc"})
def total_of(values: Any) -> Any:
    """Sum `n` float32, in any order."""
    total = np.float32(0)
    for i in range(values.shape[0]):
        total += values[i]
    return total


@njit(fastmath={"contract", "reassoc"})
def sum_of_squares(values: Any) -> Any:
    """Compute |x|^2 of `n` float32, summed in any order."""
    total = np.float32(0)
    for i in range(values.shape[0]):
        total += values[i] * values[i]
    return total


@njit
def tiles_of(num_codes: Any) -> Any:
    """Count the tiles that hold so many codes."""
    return (num_codes + TILE_CODES - 1) // TILE_CODES
