"""PESQ, STOI and ESTOI through the packages `pesq` and `pystoi` (extra `metrics`)."""

import warnings

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import check_pair

PESQ_RATES_HZ = {"wb": (16_000,), "nb": (8_000, 16_000)}
PESQ_LOWEST = 1.0  # MOS-LQO of the worst decoding; what a pair that PESQ gives up on is scored in a mean
STOI_SHORTEST_S = 0.41  # 30 frames of 25.6 ms, half overlapping: pystoi answers 1e-5 below


def pesq_score(reference: NDArray[np.floating], decoded: NDArray[np.floating], sample_rate_hz: int, band: str) -> float:
    """Compute PESQ as MOS-LQO, about 1.0 to 4.64.

    reference, decoded: `n` samples in [-1, 1].  band: "wb" (16 kHz) or "nb" (8 or 16 kHz).
    NaN when PESQ finds no utterance, less than 1/4 s or only silence.
    Raises VqaudioError for unequal lengths, another rate, or when the package is missing.
    Source: ITU-T P.862 and P.862.2, the reference C code as packaged in `pesq`.
    """
    check_pair(reference, decoded)
    if sample_rate_hz not in PESQ_RATES_HZ.get(band, ()):
        raise VqaudioError(
            f"PESQ {band!r} at {sample_rate_hz} Hz is not defined; wb wants 16000 Hz, nb 8000 or 16000: resample first"
        )
    try:
        from pesq import PesqError, pesq
    except ImportError as error:
        raise VqaudioError("PESQ needs the package pesq: pip install 'vqaudio[metrics]'") from error
    if not np.any(reference) or not np.any(decoded):  # the C code divides by the level
        return float("nan")
    try:
        return float(pesq(sample_rate_hz, np.asarray(reference), np.asarray(decoded), band))
    except (PesqError, ValueError):  # ValueError: its answer for a decoding too quiet to level-align
        return float("nan")


def stoi_score(
    reference: NDArray[np.floating], decoded: NDArray[np.floating], sample_rate_hz: int, *, is_extended: bool = False
) -> float:
    """Compute the short-time objective intelligibility, about 0 to 1; `is_extended` gives ESTOI.

    reference, decoded: `n` samples.  NaN when the reference holds under 0.4 s that is not silence.
    Raises VqaudioError for unequal lengths or when the package is missing.
    Source: Taal et al. 2011, doi:10.1109/TASL.2011.2114881; Jensen and Taal 2016, doi:10.1109/TASLP.2016.2585878.
    """
    check_pair(reference, decoded)
    try:
        from pystoi import stoi
    except ImportError as error:
        raise VqaudioError("STOI needs the package pystoi: pip install 'vqaudio[metrics]'") from error
    if len(reference) < STOI_SHORTEST_S * sample_rate_hz or not np.any(reference):
        return float("nan")
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Not enough STFT frames")
        try:
            return float(stoi(reference, decoded, sample_rate_hz, extended=is_extended))
        except RuntimeWarning:
            return float("nan")
