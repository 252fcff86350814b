"""`vqaudio decode` from outside: exact lengths, names, and what is refused."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.jobs import decoding
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter


@pytest.fixture(scope="session")
def tokens(tiny_codec: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the recordings."""
    out = tmp_path_factory.mktemp("store") / "tokens"
    assert main(["tokenize", str(recordings), "--out", str(out), "--codec", str(tiny_codec), "--workers", "0"]) == 0
    return out


@pytest.fixture
def decode(tiny_codec: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / name`; returns the exit status and path -> samples."""

    def call(store: Path, name: str = "wavs", *flags: str) -> tuple[int, dict[str, np.ndarray]]:
        out = tmp_path / name
        status = main(["decode", str(store), "--out", str(out), "--codec", str(tiny_codec), *flags])
        files = sorted(out.rglob("*.wav"))
        return status, {path.relative_to(out).as_posix(): soundfile.read(path, dtype="int16")[0] for path in files}

    return call


def as_written(sound: torch.Tensor) -> np.ndarray:
    return np.clip(np.round(sound.numpy() * 32_768), -32_768, 32_767).astype(np.int16)


@pytest.mark.parametrize("frames_at_once", [1000, 7])
def test_every_row_becomes_the_codecs_own_sound_of_exactly_its_length(
    decode, tokens: Path, tiny_codec: Path, frames_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "FRAMES_AT_ONCE", frames_at_once)
    status, sounds = decode(tokens)
    codec = open_codec(tiny_codec)
    assert status == 0
    for row in TokenStore.open(tokens):
        audio = codec.decode(torch.from_numpy(row.codes.astype(np.int64))[None], row.num_samples)[0, 0]
        written = sounds.pop(row.id.rsplit(".", 1)[0] + ".wav")
        assert len(written) == row.num_samples
        assert np.array_equal(written, as_written(audio))
    assert not sounds


def test_fewer_codebooks_use_the_first_ones(decode, tokens: Path, tiny_codec: Path) -> None:
    _, sounds = decode(tokens, "wavs", "--codebooks", "1")
    row = TokenStore.open(tokens).row("speaker1/09.wav")
    codes = torch.from_numpy(row.codes[:1].astype(np.int64))[None]
    audio = open_codec(tiny_codec).decode(codes, row.num_samples)[0, 0]
    assert np.array_equal(sounds["speaker1/09.wav"], as_written(audio))


@pytest.mark.parametrize(
    ("flags", "message"), [(("--codebooks", "4"), "must be 1 to 3"), (("--codebooks", "0"), "must be 1 to 3")]
)
def test_codebooks_that_the_store_does_not_have_are_refused(
    decode, tokens: Path, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...], message: str
) -> None:
    assert decode(tokens, "wavs", *flags) == (1, {})
    assert message in capsys.readouterr().err


def test_codes_of_another_codec_are_refused_with_both_names(
    decode, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forged = shutil.copytree(tokens, tmp_path / "forged")
    manifest = json.loads((forged / "vqaudio.json").read_text())
    manifest["codec"] |= {"weights_sha256": "0" * 64, "name": "somebody-elses"}
    (forged / "vqaudio.json").write_text(json.dumps(manifest))
    assert decode(forged) == (1, {})
    told = capsys.readouterr().err
    assert "somebody-elses" in told
    assert "tiny" in told


def test_a_codec_that_does_not_ship_is_asked_for(
    tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["decode", str(tokens), "--out", str(tmp_path / "wavs")]) == 1
    assert "--codec" in capsys.readouterr().err


def test_an_unsafe_id_is_refused_and_nothing_is_written(decode, tokens: Path, tmp_path: Path) -> None:
    stamp: CodecStamp = TokenStore.open(tokens).stamp
    with TokenWriter(tmp_path / "evil", stamp) as writer:
        for name in ("fine.wav", "../outside.wav"):
            writer.append(TokenRow(name, np.zeros((3, 1), dtype=np.uint16), 320, 16_000, 0.02))
    assert decode(tmp_path / "evil") == (1, {})
    assert not (tmp_path / "outside.wav").exists()


def test_files_of_one_stem_become_two_files(decode, tiny_codec: Path, recordings: Path, tmp_path: Path) -> None:
    for suffix in (".wav", ".flac"):
        (tmp_path / "in").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "in" / f"same{suffix}", np.full(500, 0.1), 16_000)
    main(["tokenize", str(tmp_path / "in"), "--out", str(tmp_path / "t"), "--codec", str(tiny_codec), "--workers", "0"])
    assert sorted(decode(tmp_path / "t")[1]) == ["same.flac.wav", "same.wav.wav"]


def test_recordings_that_are_there_are_not_overwritten_unasked(decode, tokens: Path, tmp_path: Path) -> None:
    precious = tmp_path / "wavs" / "speaker1" / "09.wav"
    precious.parent.mkdir(parents=True)
    soundfile.write(precious, np.zeros(3), 16_000)
    status, sounds = decode(tokens)
    assert (status, list(sounds)) == (1, ["speaker1/09.wav"])
    status, sounds = decode(tokens, "wavs", "--overwrite")
    assert (status, len(sounds["speaker1/09.wav"])) == (0, TokenStore.open(tokens).row("speaker1/09.wav").num_samples)


KILLED = """
import os, signal, sys
from vqaudio.audio import files
from vqaudio.cli.main import main
replace, done = files.replace_file, []
def replace_and_die(path, write):
    done.append(path)
    kill = lambda temporary: (write(temporary), os.kill(os.getpid(), signal.SIGKILL))
    replace(path, kill if len(done) > 3 else write)
files.replace_file = replace_and_die
main(sys.argv[1:])
"""


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_killed_decode_goes_on_to_the_same_files(
    decode, tokens: Path, tiny_codec: Path, tmp_path: Path, project_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["decode", str(tokens), "--out", str(tmp_path / "out"), "--codec", str(tiny_codec)]
    environment = {**os.environ, "PYTHONPATH": str(project_root), "OMP_NUM_THREADS": "1"}  # one file at a time
    killed = subprocess.run([sys.executable, "-c", KILLED, *call], env=environment, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    left = bytes_in(tmp_path / "out")
    assert any(name.endswith(".writing") for name in left)
    before = {path: path.stat().st_ino for path in (tmp_path / "out").rglob("*.wav")}
    assert len(before) == 3

    assert decode(tokens, "out")[0] == 1
    assert "--resume" in capsys.readouterr().err
    assert decode(tokens, "out", "--resume")[0] == 0
    assert "files     7 of 10 decoded, 3 were there already" in capsys.readouterr().out
    assert decode(tokens, "whole")[0] == 0
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")
    assert {path: path.stat().st_ino for path in before} == before


def test_a_decode_with_other_options_does_not_go_on(
    decode, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert decode(tokens)[0] == 0
    (tmp_path / "wavs" / "speaker1" / "09.wav").unlink()
    assert decode(tokens, "wavs", "--codebooks", "1", "--resume")[0] == 1
    told = capsys.readouterr().err
    assert "another codebooks" in told
    assert told.count("\n") == 1
    assert not (tmp_path / "wavs" / "speaker1" / "09.wav").exists()
