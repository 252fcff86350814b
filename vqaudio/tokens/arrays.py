"""Arrow arrays of numbers and texts, made of their memory and back.

pyarrow's own `pa.array` and `to_numpy` import pandas wherever it is installed, only to ask whether its input is of
pandas: 40 MB in every process that writes or reads codes.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa


def array_of_numbers(values: np.ndarray) -> pa.Array:
    """Make an array of `n` numbers.

    >>> array_of_numbers(np.array([3, 1, 2], dtype=np.int16)[1:]).to_pylist()
    [1, 2]
    """
    buffer = pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, buffer])


def array_of_texts(texts: Sequence[str | None]) -> pa.Array:
    """Make an array of texts, with nulls for None.  Raises UnicodeEncodeError for what is not valid Unicode.

    >>> array_of_texts(["語", None, ""]).to_pylist()
    ['語', None, '']
    """
    encoded = [(text or "").encode() for text in texts]
    ends = np.cumsum([0, *map(len, encoded)])
    if ends[-1] > np.iinfo(np.int32).max:
        raise OverflowError(f"{ends[-1]} bytes of text in one array")
    is_there = np.packbits(np.array([text is not None for text in texts], dtype=bool), bitorder="little")
    buffers = [pa.py_buffer(is_there), pa.py_buffer(ends.astype(np.int32)), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(texts), buffers)


def numbers_of(array: pa.Array) -> np.ndarray:
    """Give the numbers of an array as they lie in its memory.  Raises ArrowInvalid if one is null.

    >>> numbers_of(array_of_numbers(np.array([3, 1, 2]))[1:]).tolist()
    [1, 2]
    """
    if array.null_count:
        raise pa.ArrowInvalid(f"{array.null_count} of {len(array)} numbers are missing")
    dtype = np.dtype(array.type.to_pandas_dtype())
    buffer = array.buffers()[1]
    values = np.frombuffer(buffer, dtype) if buffer is not None else np.zeros(0, dtype)
    return values[array.offset : array.offset + len(array)]
