"""`vqaudio tokenize` on files that cannot be read: named, counted, and never the end of the run."""

import functools
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.jobs.tokenize.readers import ProcessReader
from vqaudio.tokens.store import TokenStore


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
import os, vqaudio.jobs.tokenize.audio_worker as worker
decode = worker.decode_file
worker.decode_file = lambda path, *rest: os.abort() if "03" in os.path.basename(path) else decode(path, *rest)
worker.main()
"""
    read_in = functools.partial(ProcessReader, code=program)
    monkeypatch.setattr("vqaudio.jobs.tokenize.readers.ProcessReader", read_in)
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux allows names that are not Unicode")
def test_a_name_that_is_not_unicode_hides_no_other_file(tokenize, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name in (b"\xe9.wav", b"\\udce9.wav"):
        soundfile.write(tmp_path / "a.wav", np.full(500, 0.1), 16_000)
        (tmp_path / "a.wav").rename(folder / os.fsdecode(name))
    status, codes = tokenize(folder)
    assert (status, list(codes)) == (2, ["\\udce9.wav"])
    (failed,) = TokenStore.open(tmp_path / "tokens").failures()
    assert "not UTF-8" in failed["reason"]
