"""Alignments: three formats, one meaning."""

from itertools import pairwise
from pathlib import Path

import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.alignments import read_ctm, read_phn, read_textgrid
from vqaudio.corpora.alignment.formats import read_alignment

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
STEMS = sorted(path.with_suffix("") for path in SAMPLES.glob("*/*.flac"))

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0 ! a comment, with "quotes" and 12 numbers
xmax = 1.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 1.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 1.5
            text = "say ""no 1"" [2] = <x> ! ü"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 1.5
        points: size = 1
        points [1]:
            number = 0.7
            mark = "tick"
    item [3]:
        class = "IntervalTier"
        name = "Phones"
        xmin = 0
        xmax = 1.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "a"
"""
SHORT = """File type = "ooTextFile"
Object class = "TextGrid"

0
1.5
<exists>
3
"IntervalTier"
"words"
0
1.5
2
0
0.5
""
0.5
1.5
"say ""no 1"" [2] = <x> ! ü"
"TextTier"
"clicks"
0
1.5
1
0.7
"tick"
"IntervalTier"
"Phones"
0
1.5
1
0
1.5
"a"
"""
WORDS = [Interval("", 0.0, 0.5), Interval('say "no 1" [2] = <x> ! ü', 0.5, 1.5)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("text", [LONG, SHORT], ids=["long", "short"])
def test_both_textgrid_formats_say_the_same_in_every_encoding(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(text, encoding=encoding)
    assert read_textgrid(path, "words") == WORDS
    assert read_textgrid(path) == [Interval("a", 0.0, 1.5)]


def test_textgrid_errors_name_the_tiers_or_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(LONG, encoding="utf-8")
    with pytest.raises(VqaudioError, match="no interval tier 'clicks'; its interval tiers: words, Phones"):
        read_textgrid(path, "clicks")
    for damaged, message in [
        (SHORT[:120], "cut off"),
        ("hello", "cut off"),
        ('"ooTextFile" "PitchTier"', "no TextGrid"),
        (SHORT.replace("0.5\n1.5", "1.0\n0.9"), "interval 2, .* wanted times that run forwards"),
        (SHORT.replace('"IntervalTier"', '"Tier"'), "damaged TextGrid: 'Tier'"),
    ]:
        path.write_text(damaged, encoding="utf-8")
        with pytest.raises(VqaudioError, match=message):
            read_textgrid(path, "words")
    with pytest.raises(VqaudioError, match="there is no TextGrid"):
        read_textgrid(tmp_path / "b.TextGrid")


def test_phn_counts_samples_at_the_rate_given(tmp_path: Path) -> None:
    path = tmp_path / "a.phn"
    path.write_text("0 8000 h#\n8000 9600 sh\n\n9600 16000 iy  \n")
    assert read_phn(path) == [Interval("h#", 0, 0.5), Interval("sh", 0.5, 0.6), Interval("iy", 0.6, 1.0)]
    assert read_phn(path, 8000)[-1].end_s == 2.0


def test_ctm_is_sorted_into_utterances_and_neighbours_meet(tmp_path: Path) -> None:
    path = tmp_path / "a.ctm"
    path.write_text(";; made by hand\nu1 1 0.1 0.2 W\nu2 A 0.000 0.525 SIL 0.93\nu1 1 0.3 0.26 IY\n")
    found = read_ctm(path)
    assert found == {
        "u1": [Interval("W", 0.1, 0.3), Interval("IY", 0.3, 0.56)],
        "u2": [Interval("SIL", 0.0, 0.525)],
    }


@pytest.mark.parametrize("text", ["0 a 8000\n", "0\n", "u1 1 0.5 SIL\n"])
def test_a_line_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.txt"
    path.write_text("\n" + text)
    for read in (read_phn, read_ctm):
        with pytest.raises(VqaudioError, match=r"line 2 of .*a\.txt: wanted"):
            read(path)


@pytest.mark.parametrize("text", ["5 4 a\n", "0 8000 a\n4000 9000 b\n", "-5 4 a\n"])
def test_times_that_run_backwards_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.phn"
    path.write_text(text)
    with pytest.raises(VqaudioError, match="wanted times that run forwards"):
        read_phn(path)


@pytest.mark.parametrize("num_digits", [20, 400, 5_000])  # more than a recording has, than a float, than an int
def test_a_time_beyond_every_recording_is_refused(tmp_path: Path, num_digits: int) -> None:
    number = "9" * num_digits
    texts = {
        "a.phn": f"0 {number} a\n",
        "a.lab": f"0 {number} a\n",
        "a.txt": f"0 {number} a\n",
        "a.json": f'{{"tiers": {{"phones": {{"type": "interval", "entries": [[0, {number}, "a"]]}}}}}}',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(VqaudioError, match=name):
            read_alignment(tmp_path / name)


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
def test_the_samples_alignments_cover_each_file_without_gaps(stem: Path) -> None:
    seconds = soundfile.info(stem.with_suffix(".flac")).duration
    for intervals in (
        read_phn(stem.with_suffix(".phn")),
        read_textgrid(stem.with_suffix(".TextGrid")),
        read_textgrid(stem.with_suffix(".TextGrid"), "words"),
    ):
        assert intervals[0].start_s == 0.0
        assert intervals[-1].end_s == seconds
        for one, after in pairwise(intervals):
            assert one.start_s < one.end_s == after.start_s
        assert all(one.label for one in intervals)


@pytest.mark.parametrize("stem", STEMS, ids=lambda stem: stem.name)
def test_phn_and_textgrid_of_a_sample_agree_and_words_hold_whole_phones(stem: Path) -> None:
    phones = read_textgrid(stem.with_suffix(".TextGrid"))
    assert phones == read_phn(stem.with_suffix(".phn"))
    boundaries = {one.start_s for one in phones}
    words = read_textgrid(stem.with_suffix(".TextGrid"), "words")
    assert {one.start_s for one in words} <= boundaries


def test_real_ctm_files_are_read_whole() -> None:
    path = Path(__file__).parents[4] / "shared/data/alignments/librispeech-test-other.phones.ctm"
    if not path.is_file():
        pytest.skip("the real alignments are not on this machine")
    found = read_ctm(path)
    assert len(found) == 47
    assert sum(map(len, found.values())) == len(path.read_text().splitlines())
