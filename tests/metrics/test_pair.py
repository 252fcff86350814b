"""All metrics of one pair."""

import sys

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.pair import METRICS, check_metrics, missing_metrics, score_pair


def test_a_pair_gets_exactly_the_metrics_named_in_table_order() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 4000).astype(np.float32)
    names = ("voicing_error", "si_sdr_db", "mel_db")
    assert list(score_pair(noise, noise, 16_000, names)) == ["mel_db", "si_sdr_db", "voicing_error"]


def test_no_score_of_silence_is_an_error_or_a_warning() -> None:
    pytest.importorskip("pesq")
    pytest.importorskip("pystoi")
    pytest.importorskip("visqol")
    silence = np.zeros(16_000, np.float32)
    scores = score_pair(silence, silence, 16_000)
    assert list(scores) == list(METRICS)
    assert scores["mel_db"] == 0
    assert all(np.isnan(scores[name]) for name in ("pesq_wb", "pesq_nb"))


def test_an_unknown_metric_is_answered_with_those_there_are() -> None:
    with pytest.raises(VqaudioError, match=r"pesk.*pesq_wb"):
        check_metrics(["stoi", "pesk"])


def test_what_cannot_be_measured_is_told_with_its_extra_or_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "visqol", None)
    assert "vqaudio[metrics]" in missing_metrics(16_000)["visqol"]
    at_24_khz = missing_metrics(24_000)
    assert {"pesq_wb", "pesq_nb", "visqol"} <= at_24_khz.keys() <= {"pesq_wb", "pesq_nb", "visqol", "stoi", "estoi"}
