"""All scores of one original and its decoding: the work of one worker process."""

import math
from collections.abc import Sequence
from importlib.util import find_spec

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import Samples, mel_distance_db, si_sdr_db, stft_distance
from vqaudio.metrics.perceptual import PESQ_LOWEST, PESQ_RATES_HZ, pesq_score, stoi_score
from vqaudio.metrics.pitch import compare_pitch
from vqaudio.metrics.visqol import VISQOL_RATE_HZ, visqol_score

# name -> what is better: the order in which tables show them
METRICS = {
    "pesq_wb": "higher",
    "pesq_nb": "higher",
    "stoi": "higher",
    "estoi": "higher",
    "visqol": "higher",
    "mel_db": "lower",
    "mr_stft": "lower",
    "si_sdr_db": "higher",
    "f0_corr": "higher",
    "voicing_error": "lower",
}
# A pair that PESQ gives up on counts as its worst; every other metric leaves an unscored file out.  Both are counted.
FILL = {"pesq_wb": PESQ_LOWEST, "pesq_nb": PESQ_LOWEST}
# What a metric needs: the module of an optional package, and the rates that it is defined at.
MODULES = {"pesq_wb": "pesq", "pesq_nb": "pesq", "stoi": "pystoi", "estoi": "pystoi", "visqol": "visqol"}
RATES_HZ = {"pesq_wb": PESQ_RATES_HZ["wb"], "pesq_nb": PESQ_RATES_HZ["nb"], "visqol": (VISQOL_RATE_HZ,)}


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """The names in table order.  Raises VqaudioError for one that is unknown."""
    unknown = sorted(set(names) - METRICS.keys())
    if unknown:
        raise VqaudioError(f"unknown metrics {unknown}; there are {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in names)


def missing_metrics(sample_rate_hz: int) -> dict[str, str]:
    """Metrics that cannot be measured here, at this rate, and why: name -> reason."""
    reasons = {}
    for name in METRICS:
        if find_spec(MODULES.get(name, "numpy")) is None:
            reasons[name] = f"the package {MODULES[name]} is not installed: pip install 'vqaudio[metrics]'"
        elif sample_rate_hz not in RATES_HZ.get(name, (sample_rate_hz,)):
            reasons[name] = f"it is not defined at {sample_rate_hz} Hz"
    return reasons


def score_pair(
    reference: Samples, decoded: Samples, sample_rate_hz: int, names: Sequence[str] = tuple(METRICS)
) -> dict[str, float]:
    """One number per metric named; NaN where this pair cannot be scored.

    reference, decoded: `n` samples in [-1, 1].  Raises VqaudioError for unequal lengths or an unknown metric.
    """
    wanted = check_metrics(names)
    pitch = None
    if {"f0_corr", "voicing_error"} & set(wanted):
        pitch = compare_pitch(reference, decoded, sample_rate_hz)
    scores = {
        "pesq_wb": lambda: pesq_score(reference, decoded, sample_rate_hz, "wb"),
        "pesq_nb": lambda: pesq_score(reference, decoded, sample_rate_hz, "nb"),
        "stoi": lambda: stoi_score(reference, decoded, sample_rate_hz),
        "estoi": lambda: stoi_score(reference, decoded, sample_rate_hz, is_extended=True),
        "visqol": lambda: visqol_score(reference, decoded, sample_rate_hz),
        "mel_db": lambda: mel_distance_db(reference, decoded, sample_rate_hz),
        "mr_stft": lambda: stft_distance(reference, decoded),
        "si_sdr_db": lambda: si_sdr_db(reference, decoded),
        "f0_corr": lambda: pitch.f0_correlation if pitch else math.nan,
        "voicing_error": lambda: pitch.voicing_error if pitch else math.nan,
    }
    return {name: scores[name]() for name in wanted}
