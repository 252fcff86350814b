"""All scores of one original and its decoding: the work of one worker process.

A metric is a row of METRICS, and nothing else knows of it: tables, JSON, plots and pages read the row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Literal

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.distance import Samples, mel_distance_db, si_sdr_db, stft_distance
from vqaudio.metrics.perceptual import PESQ_LOWEST, PESQ_RATES_HZ, pesq_score, stoi_score
from vqaudio.metrics.pitch import PitchAgreement, compare_pitch
from vqaudio.metrics.visqol import VISQOL_RATE_HZ, visqol_score


@dataclass(frozen=True, eq=False)
class Pair:
    """An original and its decoding, `n` samples each; what several metrics read is computed once."""

    reference: Samples
    decoded: Samples
    sample_rate_hz: int

    @cached_property
    def pitch(self) -> PitchAgreement:
        """The two melodies compared."""
        return compare_pitch(self.reference, self.decoded, self.sample_rate_hz)


@dataclass(frozen=True)
class Metric:
    """One metric.

    heading, digits: of its column.  measure: a pair's score, NaN where it has none.  is_perceptual: in the first table.
    has_plot: whether rate-distortion plots have a panel of it.  module: of the optional package that it needs.
    rates_hz: at which it is defined, None for all.  fill: what a pair that it gives up on counts as in a mean; None
    leaves the file out.  Both are counted.
    """

    name: str
    heading: str
    digits: int
    better: Literal["higher", "lower"]
    measure: Callable[[Pair], float]
    is_perceptual: bool = False
    has_plot: bool = False
    module: str | None = None
    rates_hz: tuple[int, ...] | None = None
    fill: float | None = None

    def missing_at(self, sample_rate_hz: int) -> str | None:
        """Say why it cannot be measured here at this rate; None where it can."""
        if self.module is not None and find_spec(self.module) is None:
            return f"the package {self.module} is not installed: pip install 'vqaudio[metrics]'"
        if self.rates_hz is not None and sample_rate_hz not in self.rates_hz:
            return f"it is not defined at {sample_rate_hz} Hz"
        return None


def _pesq(band: str) -> Callable[[Pair], float]:
    return lambda pair: pesq_score(pair.reference, pair.decoded, pair.sample_rate_hz, band)


def _stoi(*, is_extended: bool) -> Callable[[Pair], float]:
    return lambda pair: stoi_score(pair.reference, pair.decoded, pair.sample_rate_hz, is_extended=is_extended)


_PESQ = {"is_perceptual": True, "module": "pesq", "fill": PESQ_LOWEST}
_ROWS = (  # in the order of the tables
    Metric("pesq_wb", "PESQ-WB", 2, "higher", _pesq("wb"), rates_hz=PESQ_RATES_HZ["wb"], has_plot=True, **_PESQ),
    Metric("pesq_nb", "PESQ-NB", 2, "higher", _pesq("nb"), rates_hz=PESQ_RATES_HZ["nb"], **_PESQ),
    Metric("stoi", "STOI", 3, "higher", _stoi(is_extended=False), is_perceptual=True, has_plot=True, module="pystoi"),
    Metric("estoi", "ESTOI", 3, "higher", _stoi(is_extended=True), is_perceptual=True, module="pystoi"),
    Metric(
        "visqol",
        "ViSQOL",
        2,
        "higher",
        lambda pair: visqol_score(pair.reference, pair.decoded, pair.sample_rate_hz),
        is_perceptual=True,
        has_plot=True,
        module="visqol",
        rates_hz=(VISQOL_RATE_HZ,),
    ),
    Metric(
        "mel_db",
        "mel dB",
        2,
        "lower",
        lambda pair: mel_distance_db(pair.reference, pair.decoded, pair.sample_rate_hz),
        has_plot=True,
    ),
    Metric("mr_stft", "MR-STFT", 3, "lower", lambda pair: stft_distance(pair.reference, pair.decoded)),
    Metric("si_sdr_db", "SI-SDR dB", 1, "higher", lambda pair: si_sdr_db(pair.reference, pair.decoded)),
    Metric("f0_corr", "F0 corr.", 3, "higher", lambda pair: pair.pitch.f0_correlation),
    Metric("voicing_error", "voicing err.", 3, "lower", lambda pair: pair.pitch.voicing_error),
)
METRICS = {metric.name: metric for metric in _ROWS}


def check_metrics(names: Sequence[str]) -> tuple[str, ...]:
    """Put the names in table order.  Raises VqaudioError for one that is unknown."""
    unknown = sorted(set(names) - METRICS.keys())
    if unknown:
        raise VqaudioError(f"unknown metrics {unknown}; there are {', '.join(METRICS)}")
    return tuple(name for name in METRICS if name in names)


def missing_metrics(sample_rate_hz: int) -> dict[str, str]:
    """Find the metrics that cannot be measured here, at this rate, and why: name -> reason."""
    reasons = {name: metric.missing_at(sample_rate_hz) for name, metric in METRICS.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def score_pair(
    reference: Samples, decoded: Samples, sample_rate_hz: int, names: Sequence[str] | None = None
) -> dict[str, float]:
    """Score a pair by every metric named, by all if None; NaN where this pair cannot be scored.

    reference, decoded: `n` samples in [-1, 1].  Raises VqaudioError for unequal lengths or an unknown metric.
    """
    pair = Pair(reference, decoded, sample_rate_hz)
    return {name: METRICS[name].measure(pair) for name in check_metrics(list(METRICS) if names is None else names)}
