"""`vqaudio tokenize` from outside: the laws of codes, failures, and exit statuses."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.tokens.store import TokenStore


@pytest.fixture
def tokenize(tiny_codec: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / name`; returns the exit status and id -> codes."""

    def call(audio: Path, name: str = "tokens", *flags: str) -> tuple[int, dict[str, list[list[int]]]]:
        out = tmp_path / name
        workers = () if "--workers" in flags else ("--workers", "0")
        status = main(["tokenize", str(audio), "--out", str(out), "--codec", str(tiny_codec), *workers, *flags])
        return status, {row.id: row.codes.tolist() for row in TokenStore.open(out)} if out.exists() else {}

    return call


@pytest.fixture
def reference(tiny_codec: Path, recordings: Path) -> dict[str, list[list[int]]]:
    """id -> codes by the codec's own door, each file whole and alone."""
    codec = open_codec(tiny_codec)
    paths = sorted(path for path in recordings.rglob("*.*"))
    return {
        path.relative_to(recordings).as_posix(): codec.encode(torch.from_numpy(read_audio(path))[None, None])[
            0
        ].tolist()
        for path in paths
    }


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


@pytest.fixture
def damaged(recordings: Path, tmp_path: Path) -> Path:
    """Two sound files and five that are not."""
    root = tmp_path / "damaged"
    root.mkdir()
    shutil.copy(recordings / "speaker0" / "08.flac", root / "good.flac")
    shutil.copy(recordings / "speaker0" / "08.flac", root / "upper.FLAC")
    (root / "empty.wav").touch()
    (root / "text.wav").write_text("These are words." * 20)
    (root / "half.flac").write_bytes((root / "good.flac").read_bytes()[:60])
    (root / "talk.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    soundfile.write(root / "nan.wav", np.array([0.1, np.nan, 0.1], dtype=np.float32), 16_000, subtype="FLOAT")
    return root


BROKEN = ["empty.wav", "half.flac", "nan.wav", "talk.m4a", "text.wav"]


def test_broken_files_are_named_with_a_reason_and_do_not_stop_the_rest(
    tokenize, damaged: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, codes = tokenize(damaged)
    assert status == 2
    assert sorted(codes) == ["good.flac", "upper.FLAC"]
    failures = [json.loads(line) for line in (tmp_path / "tokens" / "failures.jsonl").read_text().splitlines()]
    assert [failure["id"] for failure in failures] == BROKEN
    assert all(len(failure["reason"]) > 5 for failure in failures)
    assert str(tmp_path) not in json.dumps(failures)
    told = capsys.readouterr()
    assert "2 tokenized, 5 failed" in told.out
    assert "ffmpeg" in told.err


def test_max_failures_decides_about_the_exit_status(tokenize, damaged: Path) -> None:
    assert tokenize(damaged, "a", "--max-failures", "5")[0] == 0
    assert tokenize(damaged, "b", "--max-failures", "4")[0] == 2


def test_resume_tries_failures_again_and_only_them(tokenize, damaged: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenize(damaged)
    shutil.copy(damaged / "good.flac", damaged / "text.wav")
    capsys.readouterr()
    status, codes = tokenize(damaged, "tokens", "--resume", "--max-failures", "4")
    assert status == 0
    assert codes["text.wav"] == codes["good.flac"]
    assert "1 tokenized, 4 failed, 2 were in the store already" in capsys.readouterr().out


def test_a_decoder_process_that_aborts_costs_one_file(
    tokenize, recordings: Path, reference: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = """
import os, vqaudio.jobs.worker as worker
decode = worker.decode_file
worker.decode_file = lambda path, *rest: os.abort() if "03" in os.path.basename(path) else decode(path, *rest)
worker.main()
"""
    monkeypatch.setattr("vqaudio.jobs.pool.WORKER_COMMAND", (sys.executable, "-c", program))
    status, codes = tokenize(recordings, "tokens", "--workers", "2")
    assert status == 2
    [failure] = TokenStore.open(tmp_path / "tokens").failures()
    assert failure["id"] == "speaker1/03.wav"
    assert "SIGABRT" in failure["reason"]
    assert codes == {name: frames for name, frames in reference.items() if name != failure["id"]}


def test_silence_and_clipping_are_told(tokenize, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "odd").mkdir()
    soundfile.write(tmp_path / "odd" / "silence.wav", np.zeros(16_000), 16_000)
    assert tokenize(tmp_path / "odd")[0] == 0
    told = capsys.readouterr()
    assert "warning: silence.wav: " in told.err
    assert "warnings  1 x such as silence.wav" in told.out


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
