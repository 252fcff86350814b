"""Reports on disk."""

import json
import math
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.reference_codecs import Rates
from vqaudio.jobs.evaluate.report import COLUMNS, CodebookHealth, Report, Row, read_report
from vqaudio.metrics.bootstrap import mean_score
from vqaudio.metrics.pair import METRICS


def make_report() -> Report:
    """A codec at one setting with a score and a metric that nobody could measure, and an anchor."""
    scores = {"stoi": mean_score([0.5, 0.7]), "f0_corr": mean_score([math.nan])}
    rows = (
        Row("mine", "1", Rates(nominal=0.5), scores),
        Row("opus", "6", Rates(file=7.4), {"stoi": mean_score([0.9])}),
    )
    health = (CodebookHealth("mine", 0, 0.9, 700.0, 9.4, 0.01, 2000),)
    return Report(2, 9.5, 16_000, rows, health, ({"id": "a", "coder": "", "reason": "b"},), {"visqol": "missing"})


def test_a_report_comes_back_from_json_as_it_was(tmp_path: Path) -> None:
    report, path = make_report(), tmp_path / "found.json"
    path.write_text(json.dumps({"codec": "mine", "weights_sha256": "ab", **report.to_json()}, allow_nan=False))
    again, weights_sha256 = read_report(path)
    assert weights_sha256 == "ab"
    assert math.isnan(again.rows[0].scores["f0_corr"].mean)
    assert again.to_json() == report.to_json()
    assert again.rows[0].scores["stoi"] == report.rows[0].scores["stoi"]
    assert again.codecs == ("mine",)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"rows": [{}], "codebooks": []}', '{"rows": 3, "weights_sha256": 1}']
)
def test_what_is_no_report_is_answered_with_the_command_that_writes_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(VqaudioError, match="vqaudio evaluate --json"):
        read_report(tmp_path / "x.json")
    with pytest.raises(VqaudioError, match=r"none\.json"):
        read_report(tmp_path / "none.json")


def test_every_metric_has_a_heading() -> None:
    assert [name for name in COLUMNS if name in METRICS] == list(METRICS)
