"""Files of one array, .npy, that somebody else may have made."""

from pathlib import Path

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray


def read_npy(path: Path) -> NDArray:
    """Open the array of an .npy file, whose numbers are read from the disk where they are used; never a pickle.

    Raises OSError or ValueError for a file that cannot be read, holds anything else, or is shorter than its header
    says: NumPy's own reader may ask for all the memory there, and has further errors for damage.
    """
    with open(path, "rb") as file:
        if file.read(len(MAGIC_PREFIX)) != MAGIC_PREFIX:
            raise ValueError("it is no .npy file of one array")
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        raise
    except Exception as error:  # whatever its parsers of headers meet
        raise ValueError(f"it is damaged: {type(error).__name__}: {error}") from None
