"""Several paths and lists of paths: which files are found, and under which ids."""

import os
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source, find_sources
from vqaudio.jobs.tokenize.inputs import sources_of_list, sources_of_paths


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two corpora that have a file of one name."""
    for name in ("one/wavs/a.wav", "one/wavs/deep/b.flac", "two/wavs/c.wav", "two/talks/a.wav", "lone.odd"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(sources: list[Source]) -> dict[str, str]:
    return {source.id: os.path.relpath(source.path) for source in sources}


def test_one_path_has_the_ids_that_it_always_had() -> None:
    assert sources_of_paths([Path("one")]) == find_sources(Path("one"))
    assert found(sources_of_paths([Path("one/wavs/a.wav")])) == {"a.wav": "one/wavs/a.wav"}


def test_of_several_paths_an_id_starts_with_the_name_of_its_root() -> None:
    assert found(sources_of_paths([Path("two/talks"), Path("one/wavs/"), Path("lone.odd")])) == {
        "lone.odd": "lone.odd",
        "talks/a.wav": "two/talks/a.wav",
        "wavs/a.wav": "one/wavs/a.wav",
        "wavs/deep/b.flac": "one/wavs/deep/b.flac",
    }


def test_the_current_folder_has_a_name_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("one/wavs")
    assert set(found(sources_of_paths([Path("."), Path("../../two/talks")]))) == {
        "wavs/a.wav", "wavs/deep/b.flac", "talks/a.wav",
    }  # fmt: skip


def test_roots_of_one_name_are_refused_where_an_id_would_stand_for_two_files(here: Path) -> None:
    roots = [Path("one/wavs"), Path("two/wavs")]
    assert set(found(sources_of_paths(roots))) == {"wavs/a.wav", "wavs/deep/b.flac", "wavs/c.wav"}
    (here / "two/wavs/a.wav").write_bytes(b"y")
    with pytest.raises(VqaudioError, match=r"'wavs/a\.wav' would stand for one/wavs/a\.wav and for two/wavs/a\.wav"):
        sources_of_paths(roots)
    with pytest.raises(VqaudioError, match="would stand for"):
        sources_of_paths([Path("lone.odd"), Path("lone.odd")])


@pytest.mark.parametrize(("name", "said"), [("nowhere", "nowhere does not exist"), ("empty", "no audio file in empty")])
def test_a_path_without_audio_among_several_is_an_error(here: Path, name: str, said: str) -> None:
    (here / "empty").mkdir()
    with pytest.raises(VqaudioError, match=said):
        sources_of_paths([Path("one"), Path(name)])


def test_the_id_of_a_line_is_the_path_as_it_is_written(here: Path) -> None:
    lines = f"./two/talks/a.wav\r\n\n{here}/lone.odd\n  \none/wavs\n../{here.name}/two/wavs/c.wav"
    assert found(sources_of_list(lines.encode(), "list")) == {
        "one/wavs/a.wav": "one/wavs/a.wav",
        "one/wavs/deep/b.flac": "one/wavs/deep/b.flac",
        "two/talks/a.wav": "two/talks/a.wav",
        f"{here}/lone.odd".lstrip("/"): "lone.odd",
        f"{here.name}/two/wavs/c.wav": "two/wavs/c.wav",
    }


def test_blanks_belong_to_a_name(here: Path) -> None:
    (here / " a .wav ").write_bytes(b"x")
    assert found(sources_of_list(b" a .wav \n", "list")) == {" a .wav ": " a .wav "}


def test_a_list_of_all_files_below_the_current_folder_has_the_ids_of_that_folder() -> None:
    sources = find_sources(Path("."))
    assert [s.id for s in sources_of_list("\n".join(s.path for s in sources).encode(), "list")] == [
        s.id for s in sources
    ]


def test_a_file_that_is_not_there_is_reported_and_stops_nothing() -> None:
    gone, there = sources_of_list(b"gone.wav\none/wavs/a.wav\n", "list")
    assert "No such file" in (gone.refusal or "")
    assert there.refusal is None


def test_bytes_that_are_no_name_are_refused_one_by_one() -> None:
    sources = sources_of_list(b"a\0b.wav\ncaf\xe9.wav\nlone.odd\n", "list")
    assert [source.refusal is None for source in sources] == [False, False, True]
    assert all(source.id.encode() for source in sources)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "stdin names no file"),
        (b" \n\n", "stdin names no file"),
        (b"lone.odd\n\n./lone.odd\n", r"line 3 of stdin names \./lone\.odd, whose id 'lone\.odd' line 1 has"),
        (b"one/wavs\none/wavs/a.wav\n", r"line 2 of stdin names .*line 1 has already"),
        (b"lone.odd\nempty\n", "line 2 of stdin: no audio file in empty"),
    ],
)
def test_a_list_that_is_not_clear_is_answered_with_the_line(here: Path, content: bytes, said: str) -> None:
    (here / "empty").mkdir()
    with pytest.raises(VqaudioError, match=said):
        sources_of_list(content, "stdin")
