"""Speech Commands, on a small tree of its true layout."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers import speech_commands


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "_background_noise_/doing_the_dishes.wav",
        "_background_noise_/0a7c2a8d_nohash_0.wav.old",
        "no/0a7c2a8d_nohash_0.wav",
        "no/0a7c2a8d_nohash_1.wav",
        "yes/0a7c2a8d_nohash_0.wav",
        "yes/1b4c9b89_nohash_0.wav",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "validation_list.txt").write_text("no/0a7c2a8d_nohash_1.wav\n")
    (tmp_path / "testing_list.txt").write_text("yes/1b4c9b89_nohash_0.wav\n")
    return tmp_path


def test_every_word_is_given_with_its_speaker_and_noises_are_not(root: Path) -> None:
    assert [(one.id, one.speaker, one.text) for one in speech_commands.utterances(root)] == [
        ("no/0a7c2a8d_nohash_0", "0a7c2a8d", "no"),
        ("no/0a7c2a8d_nohash_1", "0a7c2a8d", "no"),
        ("yes/0a7c2a8d_nohash_0", "0a7c2a8d", "yes"),
        ("yes/1b4c9b89_nohash_0", "1b4c9b89", "yes"),
    ]


def test_the_three_splits_are_the_whole_and_share_nothing(root: Path) -> None:
    parts = [[one.id for one in speech_commands.utterances(root, split=name)] for name in speech_commands.SPLITS]
    assert parts[1:] == [["no/0a7c2a8d_nohash_1"], ["yes/1b4c9b89_nohash_0"]]
    assert sorted(name for part in parts for name in part) == [one.id for one in speech_commands.utterances(root)]


def test_errors_name_the_split_or_the_table(root: Path) -> None:
    with pytest.raises(VqaudioError, match="splits train, validation, test, got 'testing'"):
        list(speech_commands.utterances(root, split="testing"))
    (root / "testing_list.txt").unlink()
    with pytest.raises(VqaudioError, match=r"there is no .*testing_list\.txt"):
        list(speech_commands.utterances(root, split="train"))
