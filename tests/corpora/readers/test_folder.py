"""The folder reader: every sound file once, nothing else."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers.folder import utterances


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_every_sound_file_is_found_and_its_id_is_the_relative_path(tmp_path: Path) -> None:
    touch(tmp_path, "b.WAV", "a/x.flac", "a/deep er/ü.opus", "a/x.wav", "z.mp3")
    found = list(utterances(tmp_path))
    assert [one.id for one in found] == ["b.WAV", "z.mp3", "a/x.flac", "a/x.wav", "a/deep er/ü.opus"]
    assert all(one.path == tmp_path / one.id for one in found)


def test_other_hidden_and_folder_entries_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "one.wav", "notes.txt", "wav", "._one.wav", ".cache/two.wav", "trap.wav/readme.md")
    assert [one.id for one in utterances(tmp_path)] == ["one.wav"]


def test_a_link_back_to_the_tree_neither_loops_nor_doubles_a_file(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav")
    (tmp_path / "in" / "loop").symlink_to(tmp_path)
    (tmp_path / "dead.wav").symlink_to(tmp_path / "nowhere.wav")
    assert [one.id for one in utterances(tmp_path)] == ["in/a.wav"]


def test_the_first_folder_can_be_the_speaker(tmp_path: Path) -> None:
    touch(tmp_path, "anna/day 1/one.wav", "ben/two.wav", "three.wav")
    assert [one.speaker for one in utterances(tmp_path, speaker_from_folder=True)] == [None, "ben", "anna"]
    assert {one.speaker for one in utterances(tmp_path)} == {None}


def test_a_wrong_root_says_what_was_looked_for(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(VqaudioError, match=r"no sound file .* looked for .*\.flac"):
        list(utterances(tmp_path))
    with pytest.raises(VqaudioError, match="not a folder"):
        list(utterances(tmp_path / "missing"))
