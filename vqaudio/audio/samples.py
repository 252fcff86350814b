"""Samples as 16-bit integers: the one conversion, so that what was read from a 16-bit file comes back bit for bit."""

import numpy as np
from numpy.typing import NDArray

FULL_SCALE = 32_768.0


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Round samples in [-1, 1] to 16 bits; what is louder is clipped."""
    return np.clip(np.round(samples * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_int16(samples: NDArray[np.integer]) -> NDArray[np.float32]:
    """Scale 16-bit samples to [-1, 1), the exact inverse of `to_int16`."""
    return np.divide(samples, FULL_SCALE, dtype=np.float32)
