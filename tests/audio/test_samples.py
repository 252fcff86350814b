"""Samples as 16-bit integers: the nearest one, clipped at both ends, and back without loss."""

import numpy as np
import pytest

from vqaudio.audio.samples import from_int16, to_int16


def test_every_integer_comes_back() -> None:
    integers = np.arange(-32_768, 32_768).astype(np.int16)
    samples = from_int16(integers)
    assert samples.dtype == np.float32
    assert (float(samples.min()), float(samples.max())) == (-1.0, 32_767 / 32_768)
    assert np.array_equal(to_int16(samples), integers)


@pytest.mark.parametrize(
    ("level", "wanted"),
    [(0.4, 0), (0.6, 1), (-0.4, 0), (-0.6, -1), (99.9, 100), (-99.9, -100), (32_767.4, 32_767), (-32_767.6, -32_768)],
)
def test_the_nearest_integer_is_taken(level: float, wanted: int) -> None:
    for kind in (np.float32, np.float64):
        assert to_int16(np.array([level / 32_768], kind)).tolist() == [wanted]


def test_what_is_too_loud_is_clipped_and_not_wrapped() -> None:
    assert to_int16(np.array([1.0, 1.5, 1e9, -1.0, -1.5, -1e9])).tolist() == [32_767] * 3 + [-32_768] * 3
