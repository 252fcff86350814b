"""ViSQOL through the package `visqol-python` (extra `metrics`): speech mode, 16 kHz.

Two mappers lead from its similarity to a MOS.  This is the exponential one, scaled so that identical audio scores 5:
it needs no TensorFlow Lite and falls wherever the similarity falls.  The lattice, the other one, gives 1 to all that
is noisier than about 30 dB.  Figures made with the lattice are lower and do not compare with these.
"""

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import check_pair

if TYPE_CHECKING:
    from visqol import VisqolApi

VISQOL_RATE_HZ = 16_000
VISQOL_LOWEST = 1.0  # MOS-LQO of what is nothing like its original


def visqol_score(reference: NDArray[np.floating], decoded: NDArray[np.floating], sample_rate_hz: int) -> float:
    """Compute ViSQOL v3 of speech as MOS-LQO, 1 to 5; 5 is identical, and silence for speech is 1.

    reference, decoded: `n` samples in [-1, 1].  NaN when no patch of 0.4 s in the reference holds speech.
    Raises VqaudioError for unequal lengths, a rate other than 16 kHz, or when the package is missing.
    Source: Chinen et al. 2020, arXiv:2004.09584; Hines et al. 2015, doi:10.1186/s13636-015-0054-9.
    """
    check_pair(reference, decoded)
    if sample_rate_hz != VISQOL_RATE_HZ:
        raise VqaudioError(f"ViSQOL of speech is defined at 16000 Hz, got {sample_rate_hz}: resample first")
    if not np.any(reference):
        return float("nan")
    if not np.any(decoded):  # it would divide by the level
        return VISQOL_LOWEST
    judge = _speech_judge()
    try:
        result = judge.measure_from_arrays(np.asarray(reference, np.float64), np.asarray(decoded, np.float64), 16_000)
    except (ValueError, IndexError):  # its answers for audio too short for a spectrogram, and for no patch of speech
        return float("nan")
    return float(result.moslqo)


@functools.lru_cache(maxsize=1)
def _speech_judge() -> "VisqolApi":
    try:
        from visqol import VisqolApi
    except ImportError as error:
        raise VqaudioError("ViSQOL needs the package visqol-python: pip install 'vqaudio[metrics]'") from error
    judge = VisqolApi()
    judge.create(mode="speech", use_lattice_model=False)
    return judge
