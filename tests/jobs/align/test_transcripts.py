"""Transcripts in the forms that people have."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.align.transcripts import with_texts
from vqaudio.jobs.sources import find_sources

NAMES = ("a/one.wav", "b/one.flac", "b/two.wav")


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "audio" / name).touch()
    return tmp_path / "audio"


def texts(audio: Path, transcripts: Path) -> list[str | None]:
    return [source.text for source in with_texts(find_sources(audio), transcripts)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", 'speaker,path,text\nA,a/one.wav,"Yes, one."\nB,b/one.flac,No\nB,b/two.wav,\n'),
        ("t.csv", 'path,text\naudio/a/one.wav,"Yes, one."\naudio/b/one.flac,No\naudio/b/two.wav,\n'),
        ("t.tsv", "a/one\tYes, one.\nb/one\tNo\ntwo\t\n"),
        ("trans.txt", "a/one Yes, one.\nb/one.flac No\n\nb/two"),
        ("metadata.csv", "a/one|yes 1|Yes, one.\nb/one|no|No\ntwo||\n"),
    ],
)
def test_every_form_gives_the_same_texts(audio: Path, name: str, content: str) -> None:
    path = audio.parent / name
    path.write_text(content)
    assert texts(audio, path) == ["Yes, one.", "No", ""]


def test_text_files_lie_beside_the_recordings_or_in_folders_of_the_same_names(audio: Path) -> None:
    (audio / "a" / "one.txt").write_text("Yes,\n one.\n")
    (audio / "b" / "two.lab").write_text("Two")
    assert texts(audio, audio) == ["Yes, one.", None, "Two"]


def test_a_bare_name_that_two_recordings_have_is_the_text_of_neither(audio: Path) -> None:
    (audio.parent / "t.tsv").write_text("one\tOne\ntwo\tTwo\n")
    assert texts(audio, audio.parent / "t.tsv") == [None, None, "Two"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.csv", "file,text\na/one.wav,Yes\n", r"columns \['file', 'text'\]; wanted path and text"),
        ("t.tsv", "c\tthree\n", "text for none of the 3 recordings; wanted one for a/one.wav"),
    ],
)
def test_transcripts_that_cannot_be_right_are_refused(audio: Path, name: str, content: str, told: str) -> None:
    (audio.parent / name).write_text(content)
    with pytest.raises(VqaudioError, match=told):
        texts(audio, audio.parent / name)


def test_transcripts_that_are_not_there_or_no_text_are_refused(audio: Path) -> None:
    with pytest.raises(VqaudioError, match="cannot be read"):
        texts(audio, audio.parent / "none.tsv")
    with pytest.raises(VqaudioError, match=r"none of the 3 recordings; wanted one for a/one.txt"):
        texts(audio, audio)


def test_a_table_with_a_field_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"x")
    table = tmp_path / "texts.csv"
    for content in ("path,text\na.wav," + "x" * 200_000, "x" * 200_000):
        table.write_text(content)
        with pytest.raises(VqaudioError, match=r"texts\.csv"):
            with_texts(find_sources(tmp_path), table)
