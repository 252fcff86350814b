"""The command that says how far two aligners agree."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.textgrid import write_tiers

WORDS = [("", 0.0, 0.2), ("the", 0.2, 0.5), ("boat", 0.5, 0.9), ("", 0.9, 1.0)]
PHONES = [("sil", 0.0, 0.2), ("DH", 0.2, 0.3), ("AH0", 0.3, 0.5), ("B", 0.5, 0.6), ("OW1", 0.6, 0.9), ("sp", 0.9, 1.0)]


def write(folder: Path, words: list, phones: list, name: str = "one") -> Path:
    folder.mkdir(exist_ok=True)
    tiers = {"words": [Interval(*one) for one in words], "phones": [Interval(*one) for one in phones]}
    write_tiers(folder / f"{name}.TextGrid", tiers, 1.0)
    return folder


@pytest.fixture
def agree(project_root: Path, tmp_path: Path):
    """Runs the command on two folders; returns what it writes."""

    def call(found: Path, reference: Path, *flags: str) -> dict:
        script = project_root / "recipes" / "benchmarks" / "align_agreement.py"
        out = tmp_path / "report.json"
        subprocess.run(
            [sys.executable, script, found, reference, "--json", out, *flags],
            check=True, capture_output=True, cwd=project_root, env={"PYTHONPATH": str(project_root)},
        )  # fmt: skip
        return json.loads(out.read_text())

    return call


def test_an_aligner_agrees_with_itself_whatever_it_calls_stress_and_pauses(agree, tmp_path: Path) -> None:
    reference = write(tmp_path / "a", WORDS, PHONES)
    write(reference, WORDS, PHONES, "two")
    plain = [("SIL" if label in ("sil", "sp") else label.rstrip("01"), *times) for label, *times in PHONES]
    report = agree(write(tmp_path / "b", WORDS, plain), reference)
    assert report["recordings"] == {"both": 1, "reference": 2, "found": 1}
    assert report["frames"] == {"frames": 70, "same_phone": 1.0}
    assert report["phones"]["boundaries"] == 4
    assert report["phones"]["within_20_ms"] == report["words"]["within_20_ms"] == report["phones"]["paired"] == 1.0


def test_other_times_and_other_phones_are_misses(agree, tmp_path: Path) -> None:
    phones = [("SIL", 0.0, 0.2), ("DH", 0.2, 0.33), ("IY", 0.33, 0.5), ("B", 0.5, 0.63), ("OW", 0.63, 1.0)]
    folders = write(tmp_path / "b", WORDS, phones), write(tmp_path / "a", WORDS, PHONES)
    report = agree(*folders)
    assert report["phones"]["paired"] == 0.75
    assert (report["phones"]["within_20_ms"], report["phones"]["within_50_ms"]) == (0.5, 0.75)
    assert report["frames"]["same_phone"] == pytest.approx((10 + 0 + 10 + 27) / 70)
    moved = agree(*folders, "--shift", "0.03")
    assert moved["phones"]["median_ms"] == pytest.approx(report["phones"]["median_ms"] + 30)
