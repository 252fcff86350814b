"""speechocean762, on a small tree of its true layout."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.readers import speechocean


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for split, speaker in (("train", "0001"), ("test", "0003")):
        names = [f"{int(speaker):05}{number:04}" for number in (11, 35)]
        (tmp_path / split).mkdir()
        (tmp_path / "WAVE" / f"SPEAKER{speaker}").mkdir(parents=True)
        for name in names:
            (tmp_path / "WAVE" / f"SPEAKER{speaker}" / f"{name}.WAV").write_bytes(b"")
        for table, value in {
            "wav.scp": f"WAVE/SPEAKER{speaker}/{{}}.WAV",
            "text": "WE CALL IT BEAR",
            "utt2spk": speaker,
            "spk2age": "6",
        }.items():
            lines = (f"{name}\t{value.format(name)}\n" for name in names)
            (tmp_path / split / table).write_text("".join(lines))
    return tmp_path


def test_both_splits_give_recordings_speakers_and_texts(root: Path) -> None:
    found = list(speechocean.utterances(root))
    assert [(one.id, one.speaker) for one in found] == [
        ("000010011", "0001"),
        ("000010035", "0001"),
        ("000030011", "0003"),
        ("000030035", "0003"),
    ]
    assert {one.text for one in found} == {"WE CALL IT BEAR"}
    assert all(one.path.is_file() for one in found)
    assert list(speechocean.utterances(root, split="test")) == found[2:]


def test_errors_name_the_split_the_table_or_the_recording(root: Path) -> None:
    with pytest.raises(VqaudioError, match="splits train and test, got 'dev'"):
        list(speechocean.utterances(root, split="dev"))
    (root / "WAVE/SPEAKER0003/000030035.WAV").unlink()
    with pytest.raises(VqaudioError, match=r"wav\.scp names WAVE/SPEAKER0003/000030035\.WAV, but there is no"):
        list(speechocean.utterances(root))
    (root / "train/text").write_text("000010011\n")
    with pytest.raises(VqaudioError, match=r"line 1 of .*text is '000010011'"):
        list(speechocean.utterances(root))
    (root / "train/utt2spk").unlink()
    with pytest.raises(VqaudioError, match=r"there is no .*utt2spk"):
        list(speechocean.utterances(root))


def test_an_empty_table_is_refused_and_blank_lines_are_not(root: Path) -> None:
    for table in ("train/utt2spk", "train/text", "train/wav.scp"):
        whole = (root / table).read_text()
        for empty in ("", "\n \n"):
            (root / table).write_text(empty)
            with pytest.raises(VqaudioError, match=r"train/.* is empty; unpack"):
                list(speechocean.utterances(root))
        (root / table).write_text("\n" + whole)
    assert [one.speaker for one in speechocean.utterances(root, split="train")] == ["0001"] * 2
    (root / "test" / "wav.scp").unlink()
    with pytest.raises(VqaudioError, match=r"is not speechocean762; looked for test/wav\.scp"):
        list(speechocean.utterances(root))
