"""The walk through a folder tree: the same order on every disk, each real folder once."""

import os
from pathlib import Path

import pytest

from vqaudio.audio.folders import AudioPath, suffix_of, walk_audio


def lay(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


def ids(root: Path) -> list[str]:
    return [file.id for file in walk_audio(root)]


def test_folders_are_walked_breadth_first_and_names_in_their_order(tmp_path: Path) -> None:
    lay(tmp_path, "b/deep/1.wav", "z.wav", "c/2.FLAC", "b/4.wav", "b/3.mp3", "A.wav", "text.txt", "b/talk.m4a")
    assert ids(tmp_path) == ["A.wav", "z.wav", "b/3.mp3", "b/4.wav", "b/talk.m4a", "c/2.FLAC", "b/deep/1.wav"]
    assert next(walk_audio(tmp_path)).path == str(tmp_path / "A.wav")


def test_a_folders_own_place_comes_before_any_link_to_it(tmp_path: Path) -> None:
    lay(tmp_path, "z/deep/1.wav")
    (tmp_path / "a").symlink_to(tmp_path / "z" / "deep")
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    assert ids(tmp_path) == ["z/deep/1.wav"]
    assert ids(tmp_path / "a") == ["1.wav"]


@pytest.mark.parametrize("name", [".", "locked"])
def test_a_folder_that_cannot_be_read_is_named_and_the_others_are_walked(
    tmp_path: Path, monkeypatch, name: str
) -> None:
    lay(tmp_path, "1.wav", "locked/2.wav", "open/3.wav")
    scan, locked = os.scandir, os.path.normpath(tmp_path / name)

    def scandir(folder: str):
        if os.path.normpath(folder) == locked:
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    refused = AudioPath("." if name == "." else "locked/", locked, "this folder cannot be read: Permission denied")
    files = list(walk_audio(tmp_path))
    assert [file for file in files if file.refusal] == [refused]
    assert [file.id for file in files if not file.refusal] == ([] if name == "." else ["1.wav", "open/3.wav"])


def test_suffixes_are_compared_in_lower_case() -> None:
    assert [suffix_of(name) for name in ("a.WAV", Path("x/b.Flac"), "c", ".wav")] == [".wav", ".flac", "", ""]
