"""Agreement of pitch: F0 contours by YIN, their correlation and voicing error."""

from typing import NamedTuple

import numpy as np

from vqaudio.audio.pitch import track_f0
from vqaudio.metrics.distance import Samples, check_pair

FEWEST_FRAMES = 10  # voiced in both, for a correlation that means something


class PitchAgreement(NamedTuple):
    """The agreement of two F0 contours.

    f0_correlation: of log F0 where both are voiced, NaN under 10 such frames.  voicing_error: share of frames.
    """

    f0_correlation: float
    voicing_error: float


def compare_pitch(reference: Samples, decoded: Samples, sample_rate_hz: int) -> PitchAgreement:
    """Correlate log F0 where both are voiced, and count the share of frames where only one of them is.

    reference, decoded: `n` samples.  NaN for what cannot be scored.  Raises VqaudioError for unequal lengths.
    """
    check_pair(reference, decoded)
    wanted, got = track_f0(reference, sample_rate_hz), track_f0(decoded, sample_rate_hz)
    if not len(wanted):
        return PitchAgreement(float("nan"), float("nan"))
    voicing_error = float(np.mean(np.isnan(wanted) != np.isnan(got)))
    both = ~np.isnan(wanted) & ~np.isnan(got)
    if both.sum() < FEWEST_FRAMES:
        return PitchAgreement(float("nan"), voicing_error)
    first, second = np.log(wanted[both]), np.log(got[both])
    if first.std() < 1e-9 or second.std() < 1e-9:  # a constant has no correlation
        return PitchAgreement(float("nan"), voicing_error)
    return PitchAgreement(float(np.corrcoef(first, second)[0, 1]), voicing_error)
