"""Rows of foreign codes, as they are found and as a store keeps them."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid

AXES = ("kt", "tk")
MAX_FRAMES_OFF = 2  # beside a recording's length: models without padding give one or two frames fewer
MAX_FRAMES = 2**24  # of one recording, after its durations: more would be a damaged file
_BRACKETED = re.compile(r"<(\d+)>")


@dataclass(frozen=True, eq=False)
class FoundRow:
    """A row as a file has it.

    place: where it stands, in words.  codes: a list of lists, an array or a text of numbers.  durations: frames of
    each code where runs were merged.  num_samples: of the recording, where the file says it.  reason: why it is broken.
    """

    id: str
    place: str
    codes: Any = None
    durations: Any = None
    num_samples: int | None = None
    speaker: str | None = None
    text: str | None = None
    reason: str | None = None


Rows = Iterator[FoundRow]


def codes_of(row: FoundRow, codebook_size: int, axes: str = AXES[0]) -> NDArray[np.uint16]:
    """Check the codes of a row and put them into `k t`.

    axes: of codes with two axes, `kt` or `tk`.
    Raises VqaudioError if they are no whole numbers below codebook_size, codebooks differ in length, or there is none.
    """
    codes = _numbers(row.codes, "codes")
    if codes.ndim == 1:
        codes = codes[None]
    elif axes == "tk":
        codes = codes.T
    if codes.ndim != 2 or codes.size == 0:
        raise VqaudioError(f"has codes of shape {codes.shape}; wanted frames, or codebooks x frames")
    if codes.min() < 0 or codes.max() >= codebook_size:
        wrong = codes.min() if codes.min() < 0 else codes.max()
        raise VqaudioError(f"has the code {wrong}, wanted 0 to {codebook_size - 1} (--codebook-size {codebook_size})")
    codes = codes.astype(np.uint16)
    if row.durations is None:
        return np.ascontiguousarray(codes)
    durations = _numbers(row.durations, "durations")
    if durations.shape != codes.shape[1:] or durations.min() < 1 or durations.sum(dtype=float) > MAX_FRAMES:
        raise VqaudioError(
            f"has durations of shape {durations.shape} for codes {codes.shape}; wanted 1 or more for each"
        )
    return np.repeat(codes, durations, axis=1)


def num_samples_of(num_frames: int, num_samples: int | None, grid: FrameGrid) -> int:
    """Choose the samples that so many frames stand for: the recording's where they fit it, else whole frames.

    Raises VqaudioError if the recording is more than two frames longer or shorter.
    """
    if num_samples is None:
        return num_frames * grid.hop_samples
    wanted = grid.num_frames(num_samples)
    if abs(wanted - num_frames) > MAX_FRAMES_OFF:
        raise VqaudioError(
            f"has {num_frames} frames, its recording of {num_samples} samples would have {wanted}; are --rate and "
            "--hop right, and are its units merged?"
        )
    return num_samples if wanted == num_frames else num_frames * grid.hop_samples


class ContentHash:
    """The SHA-256 of rows, the same in whatever order and from whatever format they come."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, row_id: str, codes: NDArray[np.uint16]) -> None:
        """Add one row with codes `k t`."""
        content = f"{row_id}\0{codes.shape}\0".encode() + codes.astype("<u2").tobytes()
        self._sum = (self._sum + int.from_bytes(hashlib.sha256(content).digest(), "little")) % 2**256

    def hexdigest(self) -> str:
        """Return the hash of all that was added."""
        return hashlib.sha256(self._sum.to_bytes(32, "little")).hexdigest()


def _numbers(values: Any, what: str) -> NDArray[np.int64]:
    """Convert lists, arrays or text to whole numbers.  Raises VqaudioError for anything else."""
    if values is None:
        raise VqaudioError(f"has no {what}")
    if isinstance(values, str):
        values = _parsed(values, what)
    try:
        found = np.asarray(values)
    except ValueError:  # lists of different lengths
        raise VqaudioError(f"has codebooks of different lengths: {_lengths(values)}") from None
    if found.size == 0:
        return np.zeros(found.shape, dtype=np.int64)
    if not np.issubdtype(found.dtype, np.integer):
        raise VqaudioError(f"has {what} of the type {found.dtype}; wanted whole numbers")
    if found.dtype == np.uint64 and found.max() > np.iinfo(np.int64).max:
        raise VqaudioError(f"has {what} up to {found.max()}; no codebook is as large")
    return found.astype(np.int64)


def _parsed(text: str, what: str) -> list[int]:
    """Parse `17 17 3`, `17,17,3`, or SpeechGPT's `<sosp><17><17><3><eosp>`."""
    if text.lstrip().startswith("<"):
        rest = _BRACKETED.sub("", text.replace("<sosp>", "").replace("<eosp>", "")).strip()
        if rest:
            raise VqaudioError(f"has the text {rest[:20]!r} between its {what}")
    words = _BRACKETED.findall(text) if text.lstrip().startswith("<") else text.replace(",", " ").split()
    try:
        return [int(word) for word in words]
    except ValueError as error:
        raise VqaudioError(f"has {what} that are no whole numbers: {error}") from None


def _lengths(values: Sequence[Any]) -> str:
    lengths = [str(len(part)) if isinstance(part, (list, tuple, np.ndarray)) else "a number" for part in values]
    return ", ".join(lengths[:8])
