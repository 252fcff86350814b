"""Means with their bootstrap interval and their coverage."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000


@dataclass(frozen=True)
class MeanScore:
    """A mean over files, its bootstrap interval, and its coverage.

    mean, low, high: NaN when nothing is in the mean.  num_scored: files with a score of their own.
    num_filled: files that the metric gave up on and that count as `fill`.  num_left_out: files not in the mean.
    """

    mean: float
    low: float
    high: float
    num_scored: int
    num_filled: int
    num_left_out: int
    fill: float | None = None


def mean_score(values: ArrayLike, *, fill: float | None = None, num_absent: int = 0, seed: int = 0) -> MeanScore:
    """Compute the mean of one value per file with its 95 % bootstrap interval; NaN means that the metric gave up.

    fill: what such a file counts as in the mean; None leaves it out.  num_absent: further files that are left out.
    Files are resampled 2,000 times.  Source: Efron 1979, doi:10.1214/aos/1176344552, the percentile interval.

    >>> score = mean_score([1.0, 3.0, float("nan")])
    >>> score.mean, score.num_scored, score.num_left_out
    (2.0, 2, 1)
    """
    scores = np.asarray(values, np.float64).ravel()
    given_up = np.isnan(scores)
    kept = scores[~given_up] if fill is None else np.where(given_up, fill, scores)
    num_filled = 0 if fill is None else int(given_up.sum())
    coverage = (int((~given_up).sum()), num_filled, len(scores) - len(kept) + num_absent, fill)
    if not kept.size:
        return MeanScore(float("nan"), float("nan"), float("nan"), *coverage)
    drawn = np.random.default_rng(seed).integers(len(kept), size=(NUM_RESAMPLES, len(kept)))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(kept[drawn].mean(axis=1), [tail, 1 - tail])
    return MeanScore(float(kept.mean()), float(low), float(high), *coverage)
