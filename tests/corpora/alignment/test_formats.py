"""One alignment in every format: the same intervals, whichever file they come from."""

import json
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.formats import index_alignments, read_alignment

WANTED = [Interval("sil", 0.0, 0.25), Interval("iy", 0.25, 0.5)]
ENTRIES = [[0.0, 0.25, "sil"], [0.25, 0.5, "iy"]]
TEXTGRID = '"ooTextFile" "TextGrid" 0 0.5 <exists> 1 "IntervalTier" "phones" 0 0.5 2 0 0.25 "sil" 0.25 0.5 "iy"'
FORMATS = {
    "a.TextGrid": TEXTGRID,
    "a.json": json.dumps({"tiers": {"phones": {"type": "interval", "entries": ENTRIES}}}),
    "a.csv": "Begin,End,Label,Type,Speaker\n0.0,0.25,sil,phones,s\n0.25,0.5,iy,phones,s\n",
    "a.PHN": "0 4000 sil\n4000 8000 iy\n",
    "a.phones": "signal a\n#\n 0.25 121 sil\n 0.5 121 iy\n",
    "a.lab": "0 2500000 sil\n2500000 5000000 iy\n",
    "festival/a.lab": "separator ;\nnfields 1\n#\n 0.25 125 sil\n 0.5 125 iy\n",
    "seconds/a.lab": "0.0 0.25 sil\n0.25 0.5 iy\n",
    "a.txt": "0.0\t0.25\tsil\n0.25\t0.5\tiy\n",
}
MANY = {
    "all.ctm": "a 1 0.0 0.25 sil\na 1 0.25 0.25 iy\n",
    "all.mlf": '#!MLF!#\n"*/a.lab"\n0 2500000 sil\n2500000 5000000 iy\n.\n',
    "all.tsv": "a\tsil,iy\n",
}


@pytest.fixture
def write(tmp_path: Path):
    def call(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return call


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_of_one_utterance_says_the_same(name: str, write) -> None:
    path = write(name, FORMATS[name])
    assert read_alignment(path) == WANTED
    read = index_alignments(path).find("a")
    assert read is not None
    assert read() == WANTED


@pytest.mark.parametrize("name", MANY)
def test_every_format_of_many_utterances_says_the_same(name: str, write) -> None:
    path = write(name, MANY[name])
    read = index_alignments(path, frame_rate_hz=4.0).find("speaker/a.flac")
    assert read is not None
    assert read() == WANTED
    with pytest.raises(VqaudioError, match="may hold many utterances"):
        read_alignment(path)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("a.TextGrid", '0.25 0.5 "iy"', '0.2 0.5 "iy"'),
        ("a.json", "[0.25, 0.5", "[0.2, 0.5"),
        ("a.csv", "0.25,0.5,iy", "0.2,0.5,iy"),
        ("a.PHN", "4000 8000", "3900 8000"),
        ("a.phones", " 0.5 121", " 0.2 121"),
        ("a.lab", "2500000 5000000", "2400000 5000000"),
        ("seconds/a.lab", "0.25 0.5", "0.2 0.5"),
        ("a.txt", "0.25\t0.5", "0.2\t0.5"),
        ("all.ctm", "0.25 0.25 iy", "0.2 0.25 iy"),
        ("all.mlf", "2500000 5000000", "2400000 5000000"),
    ],
)
def test_every_format_refuses_intervals_that_overlap(name: str, old: str, new: str, write) -> None:
    text = (FORMATS | MANY)[name]
    assert text.count(old) == 1
    with pytest.raises(VqaudioError, match=r"interval 2, 'iy'.* wanted times that run forwards"):
        next(iter(index_alignments(write(name, text.replace(old, new))).readers.values()))()


@pytest.mark.parametrize("name", ["a.TextGrid", "a.json", "a.csv"])
def test_the_tier_asked_for_is_read_in_any_case(name: str, write) -> None:
    path = write(name, FORMATS[name].replace("phones", "Tones"))
    assert read_alignment(path, tier="tones") == read_alignment(path, tier="TONES") == WANTED
    assert index_alignments(path, tier="tones").readers["a"]() == WANTED
    with pytest.raises(VqaudioError, match="'phones'"):
        read_alignment(path)


@pytest.mark.parametrize(("tier", "first", "last"), [("phones", ".phn", ".phones"), ("words", ".wrd", ".words")])
def test_of_two_label_files_of_a_name_the_samples_are_read(
    tier: str, first: str, last: str, write, tmp_path: Path
) -> None:
    write(f"a{last}", "#\n 0.9 121 other\n")
    write(f"a{first}", FORMATS["a.PHN"])
    assert index_alignments(tmp_path, tier=tier).readers["a"]() == WANTED
    assert index_alignments(tmp_path, tier=tier, sample_rate_hz=8_000).readers["a"]()[-1].end_s == 1.0


def test_texts_and_tables_are_read_one_kind_alone_and_hidden_files_never(write, tmp_path: Path) -> None:
    kinds = ("a.json", "a.csv", "a.lab", "a.txt")
    for name in kinds:
        write(name, FORMATS[name])
        write(f"other{Path(name).suffix}", FORMATS[name])
        write(f"._a{Path(name).suffix}", "damage")
    for name in kinds:
        index = index_alignments(tmp_path)
        assert set(index.readers) == {"a", "other"}
        assert index.readers["a"]() == WANTED
        for path in tmp_path.glob(f"[ao]*{Path(name).suffix}"):
            path.unlink()
    with pytest.raises(VqaudioError, match="no alignments below"):
        index_alignments(tmp_path)


def test_samples_are_counted_at_the_rate_of_the_recording(write) -> None:
    path = write("a.phn", "0 2000 sil\n2000 4000 iy\n")
    assert read_alignment(path, sample_rate_hz=8000) == WANTED


def test_in_a_folder_texts_are_no_alignments_and_words_have_their_own_files(write, tmp_path: Path) -> None:
    write("x/a.PHN", FORMATS["a.PHN"])
    write("x/a.WRD", "4000 8000 he\n")
    write("x/a.TXT", "0 8000 He.\n")
    write("b.phn", "0 1 q\n")
    phones, words = index_alignments(tmp_path), index_alignments(tmp_path, tier="words")
    assert set(phones.readers) == {"x/a", "b"}
    assert phones.readers["x/a"]() == WANTED
    assert {name: read() for name, read in words.readers.items()} == {"x/a": [Interval("he", 0.25, 0.5)]}


def test_a_folder_may_mix_aligners_and_a_hands_labels_win(write, tmp_path: Path) -> None:
    write("mfa/a.TextGrid", TEXTGRID.replace("iy", "ih"))
    write("mfa/b.TextGrid", TEXTGRID)
    write("mfa/a.phn", FORMATS["a.PHN"])
    write("mfa/metadata.csv", "path,text\n")
    write("x.phones.ctm", "c 1 0.0 0.25 sil\nc 1 0.25 0.25 iy\n")
    write("x.words.ctm", "c 1 0.0 0.5 he\n")
    index = index_alignments(tmp_path)
    assert {name: read() for name, read in index.readers.items()} == dict.fromkeys(("c", "mfa/a", "mfa/b"), WANTED)
    assert index_alignments(tmp_path, tier="words").readers["c"]() == [Interval("he", 0.0, 0.5)]


def test_two_utterances_with_one_alignment_are_refused(write, tmp_path: Path) -> None:
    write("a.phn", "0 1 q\n")
    index = index_alignments(tmp_path)
    index.check_distinct(["s1/a.wav", "s1/b.wav"])
    with pytest.raises(VqaudioError, match=r"s1/a\.wav and s2/a\.wav would both have the alignment 'a'"):
        index.check_distinct(["s1/a.wav", "s2/a.wav"])


def test_an_utterance_is_found_by_its_id_its_path_or_its_name(write, tmp_path: Path) -> None:
    for name in ("s1/a", "s2/a", "s2/b.c"):
        write(f"{name}.phn", "0 1 q\n")
    index = index_alignments(tmp_path)
    assert index.find("s1/a.wav") is index.find("s1/a") is index.readers["s1/a"]
    assert index.find("b.c.wav") is index.find("elsewhere/b.c.flac") is index.readers["s2/b.c"]
    assert index.find("s1/nothing.wav") is None
    with pytest.raises(VqaudioError, match=r"several alignments fit 'a\.wav': s1/a, s2/a"):
        index.find("a.wav")


def test_what_is_no_alignment_is_told_with_what_is_known(write, tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no suffix of an alignment .* \.textgrid, \.json"):
        read_alignment(write("a.elan", ""))
    with pytest.raises(VqaudioError, match=r"no alignments below .*; looked for \.phn, \.phones, \.textgrid, \.ctm"):
        index_alignments(tmp_path)
    with pytest.raises(VqaudioError, match="say at which frame_rate_hz"):
        index_alignments(write("all.tsv", MANY["all.tsv"]))
    with pytest.raises(VqaudioError, match="there is no alignment file"):
        index_alignments(tmp_path / "none.ctm")
