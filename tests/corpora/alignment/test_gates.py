"""Gates: what passes is whole, what does not is counted with its reason."""

import csv
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.formats import index_alignments
from vqaudio.corpora.alignment.gates import AlignmentGates, AlignmentReport, coverage, gate_alignments

GOOD = [Interval("", 0.0, 0.4), Interval("a", 0.4, 1.9)]


@pytest.mark.parametrize(
    ("intervals", "reason"),
    [
        (GOOD, None),
        ([], "empty"),
        ([Interval("a", 0.0, 2.11)], "ends after the audio"),
        ([Interval("a", 0.0, 2.09)], None),
        ([Interval("a", 0.0, 0.99)], "ends before the audio"),
        ([Interval("a", 0.0, 1.01)], None),
        ([Interval("a", 0.0, 0.5), Interval("b", 1.6, 2.0)], "too little covered"),
        ([Interval("a", 0.0, 0.7), Interval("b", 1.6, 2.0)], None),
    ],
)
def test_each_gate_refuses_on_its_side_of_the_border_and_says_why(
    intervals: list[Interval], reason: str | None
) -> None:
    found = AlignmentGates().refusal(intervals, 2.0)
    assert (found and found[0]) == reason


def test_an_alignment_on_the_very_border_passes() -> None:
    exact = AlignmentGates(min_coverage=0.5, max_overrun_s=0.25, max_shortfall_s=0.5)
    assert exact.refusal([Interval("a", 0.0, 2.25)], 2.0) is None
    assert exact.refusal([Interval("a", 0.0, 1.5)], 2.0) is None
    assert exact.refusal([Interval("a", 0.0, 0.5), Interval("b", 1.5, 2.0)], 2.0) is None
    whole = AlignmentGates(min_coverage=1.0, max_overrun_s=0.0, max_shortfall_s=0.0)
    assert whole.refusal([Interval("a", 0.0, 2.0)], 2.0) is None
    assert whole.refusal([Interval("a", 0.25, 2.0)], 2.0) == ("too little covered", "87.5% of 2.000 s")
    assert whole.refusal([Interval("a", 0.0, 2.5)], 2.0) == ("ends after the audio", "0.500 s later than 2.000 s")
    assert whole.refusal([Interval("a", 0.0, 1.5)], 2.0) == ("ends before the audio", "0.500 s earlier than 2.000 s")
    assert AlignmentGates(min_coverage=0.0).refusal([Interval("a", 1.5, 1.5)], 2.0) is None


def test_gates_given_are_those_that_are_kept() -> None:
    short = {"a": lambda: [Interval("a", 0.0, 0.8)]}
    for gates, num_kept in ((None, 1), (AlignmentGates(max_shortfall_s=0.1), 0), (AlignmentGates(0.9), 0)):
        kept, report = gate_alignments({"a": 1.0}, short.get, gates)
        assert len(kept) == report.num_kept == num_kept


def test_coverage_counts_only_what_lies_in_the_audio() -> None:
    assert coverage(GOOD, 2.0) == pytest.approx(0.95)
    assert coverage([Interval("a", 1.0, 5.0)], 2.0) == pytest.approx(0.5)
    assert coverage([Interval("a", 3.0, 5.0)], 2.0) == 0.0
    assert coverage(GOOD, 0.0) == 0.0


def test_a_folder_gives_the_good_ones_and_a_report_on_the_rest(tmp_path: Path) -> None:
    texts = {
        "good": "0 16000 a\n",
        "late": "0 99000 a\n",
        "back": "0 16000 a\n8000 9000 b\n",
        "broken": "zero\n",
        "empty": "",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.phn").write_text(text)
    durations_s = dict.fromkeys([*texts, "absent", "gone"], 1.0)
    kept, report = gate_alignments(durations_s, index_alignments(tmp_path).find)
    assert kept == {"good": [Interval("a", 0.0, 1.0)]}
    assert report.num_kept == 1
    assert {name: reason for name, (reason, _) in report.skipped.items()} == {
        "late": "ends after the audio",
        "back": "times run backwards",
        "broken": "unreadable",
        "empty": "empty",
        "absent": "missing",
        "gone": "missing",
    }
    assert next(iter(report.counts.items())) == ("missing", 2)
    assert str(report).startswith("1 of 7 alignments used; left out: missing 2, ")
    assert "line 1 of" in report.skipped["broken"][1]


def test_a_report_without_losses_says_so_and_odd_gates_are_refused() -> None:
    assert str(AlignmentReport(3)) == "3 of 3 alignments used"
    for wrong in ({"min_coverage": 1.01}, {"min_coverage": -0.01}, {"max_overrun_s": -0.1}, {"max_shortfall_s": -1.0}):
        with pytest.raises(VqaudioError, match="wanted a coverage of 0 to 1"):
            AlignmentGates(**wrong)


def test_real_alignments_pass_and_the_missing_are_counted() -> None:
    data = Path(__file__).parents[4] / "shared/data"
    if not (data / "alignments").is_dir():
        pytest.skip("the real alignments are not on this machine")
    with open(data / "speech/metadata.csv", newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    for corpus, source, num_kept, counts in (
        ("ljspeech", "ljspeech", 32, {}),
        ("librispeech-test-other", "librispeech-test-other.phones.ctm", 47, {"missing": 23}),
    ):
        durations_s = {row["path"]: float(row["seconds"]) for row in rows if row["corpus"] == corpus}
        _, report = gate_alignments(durations_s, index_alignments(data / "alignments" / source).find)
        assert (report.num_kept, report.counts) == (num_kept, counts)
