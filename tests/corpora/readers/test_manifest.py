"""The manifest reader: a CSV table, one line per file."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.manifest import utterances

TABLE = """path,corpus,speaker,split,seconds,licence,text
s1/a.flac,own,s1,train,1.5,CC0,"HELLO, YOU"
s1/b.flac,own,s1,eval,1.5,CC0,
s2/c.opus,own,,train,2.0,CC0,ÜBER
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_line_becomes_an_utterance_with_its_path_beside_the_table(table: Path) -> None:
    found = list(utterances(table))
    assert found == [
        Utterance("s1/a.flac", table.parent / "s1/a.flac", speaker="s1", text="HELLO, YOU"),
        Utterance("s1/b.flac", table.parent / "s1/b.flac", speaker="s1"),
        Utterance("s2/c.opus", table.parent / "s2/c.opus", text="ÜBER"),
    ]
    assert list(utterances(table.parent)) == found


def test_a_split_keeps_its_lines_only(table: Path) -> None:
    assert [one.id for one in utterances(table, split="train")] == ["s1/a.flac", "s2/c.opus"]
    assert [one.id for one in utterances(table, split="eval")] == ["s1/b.flac"]


def test_an_unknown_split_names_the_known_ones(table: Path) -> None:
    with pytest.raises(VqaudioError, match="no lines of split 'test'; the splits in it: eval, train"):
        list(utterances(table, split="test"))


def test_path_alone_is_enough_and_time_marks_are_read(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("\ufeffpath,start_s,end_s\na.wav,,\nb.wav,0.5,1.25\nb.wav,2,\n", encoding="utf-8")
    found = list(utterances(path))
    assert [(one.id, one.start_s, one.end_s) for one in found] == [
        ("a.wav", None, None),
        ("b.wav#0.5", 0.5, 1.25),
        ("b.wav#2", 2.0, None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,speaker\na.wav,s\n", "no column `path`; its first line names: file, speaker"),
        ("", "no column `path`; its first line names: nothing"),
        ("path\n\n", "no lines"),
        ("path,text\n,hello\n", "line 2 .* empty `path`"),
        ("path,start_s\na.wav,soon\n", "line 2 .* 'soon'; wanted seconds"),
        ("path,start_s,end_s\na.wav,2,1\n", "wanted 0 <= start < end"),
    ],
)
def test_a_damaged_table_says_where_and_what_was_wanted(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "metadata.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(VqaudioError, match=message):
        list(utterances(path))


def test_a_missing_split_column_or_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match=r"no manifest at .*metadata\.csv"):
        list(utterances(tmp_path))
    (tmp_path / "metadata.csv").write_text("path\na.wav\n")
    with pytest.raises(VqaudioError, match="no column `split`"):
        list(utterances(tmp_path, split="train"))


@pytest.mark.parametrize("content", [b"path,text\na.wav," + b"x" * 200_000, b"x" * 200_000, b"path\ncaf\xe9.wav\n"])
def test_a_table_that_cannot_be_read_is_answered_with_its_name(tmp_path, content):
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(VqaudioError, match=r"metadata\.csv"):
        list(utterances(tmp_path))
