"""What a probe found, on its way to disk and back."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.corpus import Coverage
from vqaudio.jobs.probe.report import ProbeReport, read_probe_report
from vqaudio.probes.abx import AbxScore
from vqaudio.probes.boundaries import BoundaryScore
from vqaudio.probes.codemap import MappingScore
from vqaudio.probes.durations import Bitrates, RunStatistics
from vqaudio.probes.headline import Gate, Headline
from vqaudio.probes.information import Information
from vqaudio.probes.leakage import SpeakerLeakage
from vqaudio.probes.linear import LinearScore
from vqaudio.probes.stability import Stability
from vqaudio.probes.tables import PhoneRow
from vqaudio.tokens.schema import CodecStamp


@pytest.fixture
def report() -> ProbeReport:
    """Every field has something in it, and some of the figures could not be measured."""
    mapping = MappingScore(0.75, 0.25, 100, 3)
    row = PhoneRow("vowel", 60, 0.6, 0.9, math.nan, 3, 0.5, 7)
    return ProbeReport(
        stamp=CodecStamp("mine", "ab" * 32, 16_000, 320, 2, 16),
        codebook=1,
        labels=("AA", "S"),
        label_set="plain",
        split="5 folds",
        coverage=Coverage(9, 100, 5, 7, 3, 12.5, {"missing": 2}, {"missing": ("a.wav", "b.wav")}),
        gate=Gate(100, 16, 0.125),
        is_gate_overridden=True,
        rows=(
            Headline(
                "codes",
                Information(0.5, 0.25, 0.125, 1.0, 0.0, 0.5, 1.0, 2.0),
                mapping,
                mapping,
                BoundaryScore(0.5, 0.5, 0.5, 0.0, math.nan, 10, 10),
            ),
        ),
        runs=RunStatistics(40, 2.5, 2.0, 9, 0.25, 20.0),
        bitrates=Bitrates(200.0, 150.0, 100.0),
        phone_frames=4.0,
        counts=np.arange(32).reshape(16, 2),
        lags={-1: 0.25, 0: 0.5, 1: math.nan},
        phones=(row,),
        classes={"manner": (row,), "place": (row, row)},
        further={
            "leakage": {"codes": SpeakerLeakage(0.5, 0.25, 3, 9, 0)},
            "abx": {"codes, within speakers": AbxScore(0.25, 2, 3, 40)},
            "linear": {"codes, 1 frame": LinearScore(0.5, 0.25, 0.75, 80, 20, 0.001)},
            "stability": {"speed 0.9": {"codes": Stability(math.nan, 0.5, 0.25, 100, 4)}},
        },
        notes=("no control on MFCC",),
    )


def written(report: ProbeReport, path: Path) -> Path:
    path.write_text(json.dumps(report.to_json(), allow_nan=False))
    return path


def test_all_but_the_counts_comes_back_from_json_as_it_was(report: ProbeReport, tmp_path: Path) -> None:
    again = read_probe_report(written(report, tmp_path / "probe.json"))
    for name, value in vars(report).items():
        if name != "counts":
            assert str(vars(again)[name]) == str(value), name  # as text, for NaN is not equal to itself
    assert again.counts.shape == (0, 2)
    assert again.to_json() == report.to_json()
    assert math.isnan(again.rows[0].boundaries.r_value)


@pytest.mark.parametrize("name", ["headline", "gate", "coverage", "codec", "stability"])
def test_what_is_no_probe_report_is_answered_with_the_command_that_writes_one(
    name: str, report: ProbeReport, tmp_path: Path
) -> None:
    path = written(report, tmp_path / "probe.json")
    path.write_text(json.dumps({**json.loads(path.read_text()), name: {"x": 1}}))
    with pytest.raises(VqaudioError, match=r"probe\.json is not what `vqaudio probe --out` writes"):
        read_probe_report(path)
    with pytest.raises(VqaudioError, match=r"none\.json"):
        read_probe_report(tmp_path / "none.json")
