"""Codebook patterns: several codebooks as steps of a grid or as one stream of units, and the exact inverses.

A codec gives `k` codes for each frame; a language model wants an order.  For k = 3 codebooks and 4 frames, `b2` the
code of codebook b in frame 2 and `.` padding, steps from left to right:

    parallel           delayed              flattened                            coarse-first

    a0 a1 a2 a3        a0 a1 a2 a3 .  .     a0 .  .  a1 .  .  a2 .  .  a3 .  .   a0 a1 a2 a3 .  .  .  .
    b0 b1 b2 b3        .  b0 b1 b2 b3 .     .  b0 .  .  b1 .  .  b2 .  .  b3 .   .  .  .  .  b0 b1 b2 b3
    c0 c1 c2 c3        .  .  c0 c1 c2 c3    .  .  c0 .  .  c1 .  .  c2 .  .  c3  .  .  .  .  c0 c1 c2 c3

    t steps            t + k - 1 steps      t * k steps                          2 t steps

A *grid* (`k s`) is what a model with one head for each codebook reads (MusicGen).  A *stream* is the grid read step by
step, from the first codebook to the last, for a model with one vocabulary: code c of codebook q is unit `q * size + c`.
Streams keep the padding of `delayed`, as unit `k * size`, so that every step has k units; the others leave padding out.
As streams, `parallel` and `flattened` are one order.

Source: audiocraft (Copet et al. 2023, arXiv:2306.05284), codebooks_patterns.py: its providers Parallel, Delayed,
Unrolled and CoarseFirst with their default delays.  Its first step, which holds nothing, is left to the caller (a BOS).
"""

from typing import Literal, get_args

import numpy as np

from vqaudio.core.errors import VqaudioError

PatternName = Literal["parallel", "delayed", "flattened", "coarse-first"]
PATTERNS: tuple[str, ...] = get_args(PatternName)


def require_pattern(pattern: str) -> None:
    """Check that there is such a pattern.  Raises VqaudioError that names them all."""
    if pattern not in PATTERNS:
        raise VqaudioError(f"unknown pattern {pattern!r}; one of {', '.join(PATTERNS)}")


def to_grid(codes: np.ndarray, pattern: str, pad: int) -> np.ndarray:
    """Arrange codes in a grid by a pattern.

    codes: `k t` integers.  pad: fills the steps without a code.  Returns `k s` int64.
    Raises VqaudioError for another shape, an unknown pattern, or a code that equals `pad`.

    >>> to_grid(np.array([[1, 2], [3, 4]]), "delayed", pad=0).tolist()
    [[1, 2, 0], [0, 3, 4]]
    """
    codes = _checked(codes, 2, "codes of shape k t")
    require_pattern(pattern)
    if (codes == pad).any():
        raise VqaudioError(f"the padding {pad} occurs among the codes; choose a number that is no code")
    steps = _steps(pattern, *codes.shape)
    grid = np.full((len(codes), _num_steps(pattern, *codes.shape)), pad, dtype=np.int64)
    np.put_along_axis(grid, steps, codes, axis=1)
    return grid


def from_grid(grid: np.ndarray, pattern: str, pad: int, *, is_partial: bool = False) -> np.ndarray:
    """Recover the codes `k t` int64 from a grid `k s`, the exact inverse of `to_grid`.

    is_partial: the grid may end anywhere, as a model's output does; frames that lack a code are dropped.
    Raises VqaudioError if the number of steps or the padding does not fit the pattern.
    """
    grid = _checked(grid, 2, "a grid of shape k s")
    require_pattern(pattern)
    num_codebooks, num_steps = grid.shape
    num_frames = _num_frames(pattern, num_codebooks, num_steps, is_partial)
    steps = _steps(pattern, num_codebooks, num_frames)
    codes = np.take_along_axis(grid, steps, axis=1)
    # Codes must stand where the pattern has them, and padding everywhere else.
    is_code = np.zeros(grid.shape, dtype=bool)
    np.put_along_axis(is_code, steps, True, axis=1)
    is_wrong = is_code & (grid == pad)
    if not is_partial:
        is_wrong |= ~is_code & (grid != pad)
    if is_wrong.any():
        step, codebook = np.argwhere(is_wrong.T)[0]
        raise VqaudioError(
            f"step {step}, codebook {codebook} holds {grid[codebook, step]} where {pattern!r} wants "
            f"{'a code' if is_code[codebook, step] else f'the padding {pad}'}; is it another pattern, or cut off?"
        )
    return codes


def to_units(codes: np.ndarray, pattern: str, codebook_size: int) -> np.ndarray:
    """Flatten codes to one stream of units.

    codes: `k t`, each in 0 ... codebook_size - 1.  Returns int64 units, 1-D.
    Raises VqaudioError for another shape or an unknown pattern.

    >>> to_units(np.array([[1, 2], [3, 4]]), "flattened", codebook_size=10).tolist()
    [1, 13, 2, 14]
    """
    codes = _checked(codes, 2, "codes of shape k t")
    pad = pad_unit(len(codes), codebook_size)
    grid = to_grid(codes + np.arange(len(codes))[:, None] * codebook_size, pattern, pad).T.ravel()
    return grid if keeps_padding(pattern) else grid[grid != pad]


def from_units(
    units: np.ndarray, pattern: str, num_codebooks: int, codebook_size: int, *, is_partial: bool = False
) -> np.ndarray:
    """Recover the codes `k t` int64 from a stream of units, 1-D, the exact inverse of `to_units`.

    is_partial: the stream may end anywhere; frames that lack a code are dropped (not for coarse-first).
    Raises VqaudioError if the length or a unit's codebook does not fit the pattern.
    """
    units = _checked(units, 1, "units of shape n")
    require_pattern(pattern)
    num_columns = _whole(len(units), num_codebooks, pattern, num_codebooks, is_partial)
    if pattern == "coarse-first":
        fine = units[num_columns:].reshape(num_columns, num_codebooks - 1).T
        codes = np.concatenate([units[None, :num_columns], fine])
    else:
        codes = units[: num_columns * num_codebooks].reshape(num_columns, num_codebooks).T
    if keeps_padding(pattern):
        codes = from_grid(codes, pattern, pad_unit(num_codebooks, codebook_size), is_partial=is_partial)
    codes = codes - np.arange(num_codebooks)[:, None] * codebook_size
    if ((codes < 0) | (codes >= codebook_size)).any():
        frame, codebook = np.argwhere(((codes < 0) | (codes >= codebook_size)).T)[0]
        unit = codes[codebook, frame] + codebook * codebook_size
        raise VqaudioError(
            f"unit {unit} stands for codebook {codebook}, frame {frame}, but is none of its units "
            f"{codebook * codebook_size} to {(codebook + 1) * codebook_size - 1}; is it another pattern, or cut off?"
        )
    return codes


def pad_unit(num_codebooks: int, codebook_size: int) -> int:
    """Return the padding unit of a stream: the first number after the codes of all codebooks."""
    return num_codebooks * codebook_size


def keeps_padding(pattern: str) -> bool:
    """Return whether the streams of this pattern keep the padding."""
    return pattern == "delayed"


def _steps(pattern: str, num_codebooks: int, num_frames: int) -> np.ndarray:
    """Compute the step at which every code stands: `k t` int64."""
    codebook, frame = np.arange(num_codebooks)[:, None], np.arange(num_frames)[None]
    if pattern == "delayed":
        return frame + codebook
    if pattern == "flattened":
        return frame * num_codebooks + codebook
    return frame + num_frames * ((codebook > 0) & (pattern == "coarse-first"))


def _num_steps(pattern: str, num_codebooks: int, num_frames: int) -> int:
    extra = num_codebooks - 1 if pattern == "delayed" and num_frames else 0
    return num_frames * _steps_per_frame(pattern, num_codebooks) + extra


def _steps_per_frame(pattern: str, num_codebooks: int) -> int:
    return {"flattened": num_codebooks, "coarse-first": min(2, num_codebooks)}.get(pattern, 1)


def _num_frames(pattern: str, num_codebooks: int, num_steps: int, is_partial: bool) -> int:
    """Compute how many whole frames that many steps hold."""
    if pattern == "delayed" and num_steps:
        num_frames = num_steps - (num_codebooks - 1)
        if num_frames < 1 and not is_partial:
            raise VqaudioError(f"'delayed' needs at least {num_codebooks} steps for one frame, got {num_steps}")
        return max(0, num_frames)
    return _whole(num_steps, _steps_per_frame(pattern, num_codebooks), pattern, num_codebooks, is_partial)


def _whole(count: int, per_frame: int, pattern: str, num_codebooks: int, is_partial: bool) -> int:
    if is_partial and pattern == "coarse-first":
        raise VqaudioError("a cut-off 'coarse-first' sequence does not tell its number of frames; give it whole")
    if count % per_frame and not is_partial:
        raise VqaudioError(
            f"{count} positions do not divide by {per_frame}, which {pattern!r} of {num_codebooks} codebooks needs; "
            "the sequence is cut off (is_partial=True keeps its whole frames)"
        )
    return count // per_frame


def _checked(array: np.ndarray, num_axes: int, wanted: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != num_axes or array.dtype.kind not in "iu" or (num_axes == 2 and not len(array)):
        raise VqaudioError(f"wanted {wanted}, integers, got {array.dtype} {array.shape}")
    return array.astype(np.int64)
