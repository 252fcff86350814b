"""Arrays made of their memory are those that pyarrow makes."""

import numpy as np
import pyarrow as pa
import pytest

from vqaudio.tokens.arrays import array_of_numbers, array_of_texts, numbers_of


@pytest.mark.parametrize("texts", [[], [None], ["a"], ["語", None, "", "x" * 300] * 5, [None] * 9 + ["z"]])
def test_texts_are_pyarrows(texts: list) -> None:
    made = array_of_texts(texts)
    made.validate(full=True)
    assert made.equals(pa.array(texts, pa.string()))
    assert made.null_count == texts.count(None)


def test_what_is_no_unicode_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        array_of_texts(["a\udce9"])


@pytest.mark.parametrize("dtype", ["uint16", "int32", "int64", "float64"])
@pytest.mark.parametrize("length", [0, 1, 9])
def test_numbers_are_pyarrows_and_come_back(dtype: str, length: int) -> None:
    values = np.arange(2 * length, dtype=dtype)[::2]
    made = array_of_numbers(values)
    made.validate(full=True)
    assert made.equals(pa.array(values))
    assert np.array_equal(numbers_of(made), values)
    assert np.array_equal(numbers_of(made[1:]), values[1:])
    assert numbers_of(made).dtype == values.dtype


def test_a_number_that_is_missing_is_not_made_up() -> None:
    with pytest.raises(pa.ArrowInvalid, match="1 of 2 numbers are missing"):
        numbers_of(pa.array([1, None], pa.uint16()))
