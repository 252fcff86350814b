"""The contingency table of codes and phones, which most probes read."""

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

Codes = NDArray[np.integer]
Counts = NDArray[np.int64]

UNLABELLED = -1  # the phone of a frame that has none


def count_pairs(codes: Codes, phones: Codes, num_codes: int, num_phones: int) -> Counts:
    """Count the frames that have code v and phone p: `v p`.

    codes, phones: `t`, values in [0, num_codes) and [0, num_phones); frames whose phone is UNLABELLED are not counted.
    Raises VqaudioError for differing lengths or values outside.

    >>> count_pairs(np.array([0, 0, 1, 1]), np.array([2, 2, 0, -1]), num_codes=2, num_phones=3).tolist()
    [[0, 0, 2], [1, 0, 0]]
    """
    codes, phones = np.asarray(codes), np.asarray(phones)
    if codes.shape != phones.shape or codes.ndim != 1:
        raise VqaudioError(f"wanted one code and one phone for every frame, got {codes.shape} and {phones.shape}")
    _require_within("codes", codes, 0, num_codes)
    _require_within("phones", phones, UNLABELLED, num_phones)
    is_labelled = phones != UNLABELLED
    pairs = codes[is_labelled].astype(np.int64) * num_phones + phones[is_labelled]
    return np.bincount(pairs, minlength=num_codes * num_phones).reshape(num_codes, num_phones).astype(np.int64)


def count_pairs_by_group(
    codes: Codes, phones: Codes, groups: Codes, *, num_codes: int, num_phones: int, num_groups: int
) -> Counts:
    """Count codes and phones for each group of frames: `g v p`.

    groups: `t`, values in [0, num_groups).  Raises VqaudioError as `count_pairs` does.
    """
    tables = [
        count_pairs(codes[groups == group], phones[groups == group], num_codes, num_phones)
        for group in range(num_groups)
    ]
    return np.stack(tables)


def _require_within(name: str, values: Codes, low: int, end: int) -> None:
    if values.size and not low <= values.min() <= values.max() < end:
        raise VqaudioError(
            f"{name} run from {values.min()} to {values.max()}, wanted {low} to {end - 1}; "
            "do they belong to another codec or another set of labels?"
        )
