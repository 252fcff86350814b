"""Boundary detection: do the codes change where the phones change?  Precision, recall, F1 and R-value.

Source of the R-value: Räsänen, Laine and Altosaar 2009, "An improved speech segmentation quality measure: the R-value".
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

TOLERANCE_S = 0.020
ROUNDING_S = 1e-6  # times are sums of decimals


@dataclass(frozen=True)
class BoundaryScore:
    """The agreement of two sets of boundaries within a tolerance.

    precision, recall: shares of boundaries that match one of the other side.  over_segmentation: found / reference - 1.
    """

    precision: float
    recall: float
    f1: float
    over_segmentation: float
    r_value: float
    num_reference: int
    num_found: int


def boundary_score(
    reference_s: NDArray[np.floating], found_s: NDArray[np.floating], tolerance_s: float = TOLERANCE_S
) -> BoundaryScore:
    """Score how well `found_s` matches `reference_s`: rising times in seconds, each boundary matched at most once.

    Raises VqaudioError for times that fall, or if there is no reference boundary.
    """
    if not len(reference_s):
        raise VqaudioError("boundaries need at least one reference boundary: no utterance has two phones")
    num_hits = count_matches(reference_s, found_s, tolerance_s)
    return score_of_hits(num_hits, len(reference_s), len(found_s))


def score_of_hits(num_hits: int, num_reference: int, num_found: int) -> BoundaryScore:
    """Compute the scores that follow from three counts; `num_reference` above 0."""
    recall, excess = num_hits / num_reference, num_found / num_reference - 1
    precision = num_hits / num_found if num_found else 0.0
    f1 = 2 * precision * recall / (precision + recall) if num_hits else 0.0
    to_ideal = math.hypot(1 - recall, excess)
    to_line = abs(-excess + recall - 1) / math.sqrt(2)
    return BoundaryScore(precision, recall, f1, excess, 1 - (to_ideal + to_line) / 2, num_reference, num_found)


def count_matches(
    reference_s: NDArray[np.floating], found_s: NDArray[np.floating], tolerance_s: float = TOLERANCE_S
) -> int:
    """Count the largest number of pairs at most `tolerance_s` apart in which no boundary stands twice.

    Taking the earliest that fits, in the order of time, is the best matching when the tolerance is the same everywhere.
    """
    for times in (reference_s, found_s):
        if len(times) and (np.diff(times) < 0).any():
            raise VqaudioError("boundaries must be given in the order of time; sort them")
    reach = tolerance_s + ROUNDING_S
    first = np.searchsorted(found_s, reference_s - reach, side="left")
    last = np.searchsorted(found_s, reference_s + reach, side="right")
    num_hits = taken = 0
    for low, high in zip(first.tolist(), last.tolist(), strict=True):
        candidate = max(low, taken)
        if candidate < high:
            num_hits += 1
            taken = candidate + 1
    return num_hits
