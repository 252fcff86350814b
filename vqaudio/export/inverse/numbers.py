"""Numbers as they come, from arrays, lists and texts, as ids; what is no id becomes NO_ID and is counted later."""

from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError

NO_ID = -1
END = 2**31  # no vocabulary is as large


def ids_of(values: Any, where: str) -> np.ndarray:
    """Convert numbers to ids, of the shape of an array, 1-D of a list; int64.

    Numbers that are not whole, negative or beyond all vocabularies, and what is no number, become NO_ID.
    where: names them in errors.  Raises VqaudioError for an array of other things than numbers, and for lists in lists.
    """
    if not isinstance(values, np.ndarray):
        if not isinstance(values, (list, tuple)) or any(
            isinstance(value, (list, tuple, dict, np.ndarray)) for value in values
        ):
            raise VqaudioError(f"{where}: wanted a list of ids, which are numbers, got {str(values)[:60]!r}")
        return np.array([_id_of(value) for value in values], dtype=np.int64)
    if values.dtype.kind not in "iuf":
        raise VqaudioError(f"{where}: wanted ids, which are whole numbers, got an array of {values.dtype}")
    values = values.astype(np.float64) if values.dtype.kind == "f" else values
    is_id = (values >= 0) & (values < END) & (values == np.floor(values))
    ids = np.full(values.shape, NO_ID, dtype=np.int64)
    ids[is_id] = values[is_id].astype(np.int64)
    return ids


def grid_of(values: Any, num_codebooks: int, where: str) -> np.ndarray:
    """Convert numbers to a grid `k s` of ids with the first `num_codebooks` rows, int64.

    Raises VqaudioError if they are not that many rows of one length.
    """
    is_array = isinstance(values, np.ndarray) and values.ndim == 2
    rows = [ids_of(row, where) for row in values] if is_array or depth_of(values) == 2 else []
    lengths = {len(row) for row in rows}
    if len(rows) < num_codebooks or len(lengths) > 1:
        found = f"{len(rows)} rows of {sorted(lengths)}" if rows else "one row or something else"
        raise VqaudioError(f"{where}: wanted codes as {num_codebooks} rows of one length, got {found}")
    return np.stack(rows[:num_codebooks])


def depth_of(values: Any) -> int:
    """Count how deep lists stand in lists, by the first of each; 0 of a number."""
    if isinstance(values, np.ndarray):
        return values.ndim
    if not isinstance(values, (list, tuple)):
        return 0
    return 1 + max((depth_of(value) for value in values[:1]), default=0)


def _id_of(value: Any) -> int:
    is_number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    return int(value) if is_number and 0 <= value < END and value == int(value) else NO_ID


def as_arrays(values: Any, where: str) -> Any:
    """Convert what is an array elsewhere (torch's, jax's) to numpy's, and an iterator to a list.

    Raises VqaudioError if it cannot be.
    """
    if isinstance(values, (np.ndarray, list, tuple)):
        return values
    try:
        return np.asarray(values) if hasattr(values, "__array__") else list(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise VqaudioError(f"{where}: {type(values).__name__} is no array of ids on the CPU ({error})") from None


def is_texts(values: Any) -> bool:
    """Return whether these are lines of text."""
    if isinstance(values, np.ndarray):
        return values.ndim == 1 and values.dtype.kind == "U"
    return len(values) > 0 and all(isinstance(value, str) for value in values)
