"""`vqaudio tokenize` from outside: the laws of codes, failures, and exit statuses."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_codec
from vqaudio.tokens.store import TokenStore


@pytest.mark.parametrize(
    "flags",
    [
        ("--batch-size", "1"),
        ("--batch-size", "7"),
        ("--batch-size", "32"),
        ("--workers", "0"),
        ("--workers", "1"),
        ("--workers", "4"),
    ],
)
def test_codes_are_the_codecs_own_for_any_batch_and_workers(
    tokenize, recordings: Path, reference: dict, flags: tuple[str, ...]
) -> None:
    status, codes = tokenize(recordings, "tokens", *flags)
    assert status == 0
    assert codes == reference
    assert list(codes) == sorted(codes)
    assert len(np.unique(np.concatenate([np.array(frames) for frames in codes.values()], axis=1))) > 20


@pytest.mark.parametrize("threads", ["1", "2"])
def test_codes_do_not_depend_on_the_threads(
    tokenize, recordings: Path, reference: dict, threads: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    threads_before = torch.get_num_threads()
    assert tokenize(recordings)[1] == reference
    assert torch.get_num_threads() == threads_before


def test_codes_do_not_depend_on_the_order(tokenize, recordings: Path, reference: dict, tmp_path: Path) -> None:
    for index, name in enumerate(sorted(reference, reverse=True)):
        (tmp_path / "renamed").mkdir(exist_ok=True)
        shutil.copy(recordings / name, tmp_path / "renamed" / f"{index:02}__{name.replace('/', '__')}")
    _, codes = tokenize(tmp_path / "renamed")
    assert {name.split("__", 1)[1].replace("__", "/"): frames for name, frames in codes.items()} == reference


def test_a_batch_padded_without_care_fails_the_same_comparison(
    tiny_codec: Path, recordings: Path, reference: dict
) -> None:
    """The wrong variant: files centred in the longest of their batch.  It must not pass for the right one."""
    codec = open_codec(tiny_codec)

    def encode_batch(names: list[str]) -> dict[str, list[list[int]]]:
        audio = [read_audio(recordings / name) for name in names]
        longest = max(len(samples) for samples in audio)
        padded = [np.pad(x, ((longest - len(x)) // 2, longest - len(x) - (longest - len(x)) // 2)) for x in audio]
        codes = codec.encode(torch.from_numpy(np.stack(padded))[:, None])
        return {
            name: codes[row, :, : -(-len(samples) // 320)].tolist()
            for row, (name, samples) in enumerate(zip(names, audio, strict=True))
        }

    names = list(reference)
    one_by_one = {name: codes for single in names for name, codes in encode_batch([single]).items()}
    assert one_by_one == reference
    assert encode_batch(names) != reference


def test_fewer_codebooks_are_the_first_ones(tokenize, recordings: Path, reference: dict) -> None:
    _, codes = tokenize(recordings, "tokens", "--codebooks", "2")
    assert codes == {name: frames[:2] for name, frames in reference.items()}


def test_speakers_and_texts_from_a_csv_are_kept_with_the_codes(tokenize, recordings: Path, tmp_path: Path) -> None:
    (tmp_path / "metadata.csv").write_text("path,speaker,text\nspeaker0/00.wav,ann,well yes\n")
    tokenize(recordings, "tokens", "--metadata", str(tmp_path / "metadata.csv"))
    rows = {row.id: row for row in TokenStore.open(tmp_path / "tokens")}
    assert (rows["speaker0/00.wav"].speaker, rows["speaker0/00.wav"].text) == ("ann", "well yes")
    assert rows["speaker0/02.flac"].speaker is None
    assert (rows["speaker1/07.flac"].source_rate_hz, rows["speaker1/07.flac"].num_samples) == (44_100, 2540)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--codebooks", "9"), "has 3 codebooks, got --codebooks 9"),
        (("--batch-size", "0"), "--batch-size must be at least 1"),
        (("--metadata", "nowhere.csv"), "nowhere.csv cannot be read"),
    ],
)
def test_a_mistaken_flag_is_an_error_before_anything_is_written(
    tokenize, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    assert tokenize(recordings, "tokens", *flags)[0] == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "tokens").exists()


def test_a_folder_without_audio_is_an_error(tokenize, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert tokenize(tmp_path / "empty")[0] == 1
    assert "no audio file" in capsys.readouterr().err


def test_a_store_that_exists_is_refused_and_overwrite_replaces_it(tokenize, recordings: Path) -> None:
    tokenize(recordings)
    assert tokenize(recordings)[0] == 1
    status, codes = tokenize(recordings / "speaker1", "tokens", "--overwrite")
    assert status == 0
    assert all("/" not in name for name in codes)


def test_quiet_is_quiet(tokenize, recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenize(recordings, "tokens", "--quiet")
    assert capsys.readouterr() == ("", "")
