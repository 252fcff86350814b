"""--segments of the verbs that encode: one setting, the same codes from each of them."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import to_int16
from vqaudio.cli.main import main
from vqaudio.tokens.runs import to_runs
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.wire.file import read_codes

FIRST = ("--codebooks", "1")
SEGMENTS = (*FIRST, "--segments", "1.5")


@pytest.fixture
def speech_dir(samples_dir, tmp_path) -> Path:
    """Three spoken sentences."""
    (tmp_path / "speech").mkdir()
    for path in sorted(samples_dir.rglob("*.flac"))[::7]:
        shutil.copy(path, tmp_path / "speech" / path.name)
    return tmp_path / "speech"


def segments_in(store: Path) -> dict[str, tuple]:
    return {row.id: tuple(part.tolist() for part in row.segments) for row in TokenStore.open(store)}


def test_segments_are_kept_once_with_durations_and_read_as_frames(tokenize, speech_dir, tmp_path, capsys):
    _, frames = tokenize(speech_dir, "frames", *FIRST)
    status, codes = tokenize(speech_dir, "segments", *SEGMENTS)
    told = capsys.readouterr().out
    assert status == 0
    num_frames = num_segments = 0
    for row in TokenStore.open(tmp_path / "segments"):
        runs, durations = row.segments
        assert len(frames[row.id][0]) == len(codes[row.id][0]) == durations.sum()
        assert len(durations) < len(to_runs(np.array(frames[row.id]))[1])
        assert len(runs[0]) == len(durations)
        num_frames, num_segments = num_frames + row.codes.shape[1], num_segments + len(durations)
    assert f"codes     {num_segments:,}: segments of {num_frames:,} frames" in told
    setting = TokenStore.open(tmp_path / "segments").stamp.segments
    assert setting is not None
    assert setting.penalty == 1.5


def test_codes_without_a_penalty_are_those_of_frames_but_for_ties(tokenize, speech_dir):
    _, frames = tokenize(speech_dir, "frames", *FIRST)
    _, codes = tokenize(speech_dir, "segments", *FIRST, "--segments", "0")
    same = [np.mean(np.array(codes[name]) == np.array(frames[name])) for name in frames]
    assert min(same) > 0.98


def test_a_run_goes_on_with_the_same_setting_only(tokenize, speech_dir, tmp_path, capsys):
    tokenize(speech_dir, "whole", *SEGMENTS)
    first, second, third = sorted(speech_dir.iterdir())
    (tmp_path / "part").mkdir()
    shutil.copy(first, tmp_path / "part")
    tokenize(tmp_path / "part", "store", *SEGMENTS)
    for other in ([*FIRST, "--segments"], [*FIRST]):
        assert tokenize(speech_dir, "store", *other, "--resume")[0] != 0
        assert "--segments, or --overwrite" in capsys.readouterr().err
    shutil.copy(second, tmp_path / "part")
    shutil.copy(third, tmp_path / "part")
    assert tokenize(tmp_path / "part", "store", *SEGMENTS, "--resume")[0] == 0
    assert segments_in(tmp_path / "store") == segments_in(tmp_path / "whole")


def test_one_recording_and_a_stream_have_the_segments_of_the_store(
    tokenize, tiny_codec, speech_dir, tmp_path, monkeypatch, capfdbinary
):
    _, codes = tokenize(speech_dir, "store", *SEGMENTS, "--quiet")
    path = sorted(speech_dir.iterdir())[0]
    codec = ("--codec", str(tiny_codec))
    assert main(["encode", str(path), str(tmp_path / "a.codes"), *codec, *SEGMENTS, "--quiet"]) == 0
    alone = read_codes(tmp_path / "a.codes")
    assert alone.codes.tolist() == codes[path.name]
    assert alone.stamp == TokenStore.open(tmp_path / "store").stamp
    (tmp_path / "input").write_bytes(to_int16(read_audio(path)).astype("<i2").tobytes())
    capfdbinary.readouterr()
    with open(tmp_path / "input") as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["stream", "encode", *codec, *SEGMENTS]) == 0
    (tmp_path / "b.codes").write_bytes(capfdbinary.readouterr().out)
    streamed = read_codes(tmp_path / "b.codes")
    assert (streamed.stamp, streamed.codes.tolist()) == (alone.stamp, alone.codes.tolist())


def test_segments_are_decoded_as_their_frames_are(tokenize, tiny_codec, speech_dir, tmp_path):
    tokenize(speech_dir, "store", *SEGMENTS, "--quiet")
    codec = ("--codec", str(tiny_codec))
    assert main(["decode", str(tmp_path / "store"), "--out", str(tmp_path / "wavs"), *codec, "--quiet"]) == 0
    from vqaudio.codec.saving import open_codec

    opened = open_codec(tiny_codec)
    for row in TokenStore.open(tmp_path / "store"):
        sound = to_int16(opened.decode(row.codes, row.num_samples)[0, 0].numpy())
        found = to_int16(read_audio((tmp_path / "wavs" / row.id).with_suffix(".wav")))
        assert np.array_equal(found, sound)


def test_a_damaged_shard_is_made_again_with_its_setting(tokenize, tiny_codec, speech_dir, tmp_path):
    tokenize(speech_dir, "store", *SEGMENTS, "--quiet")
    before = segments_in(tmp_path / "store")
    (tmp_path / "store" / "data" / "part-00000.parquet").write_bytes(b"no")
    mending = ["--repair", "--audio", str(speech_dir), "--codec", str(tiny_codec), "--workers", "0", "--quiet"]
    assert main(["verify", str(tmp_path / "store"), *mending]) == 0
    assert segments_in(tmp_path / "store") == before


def test_segments_of_several_codebooks_are_refused_with_what_to_do(tokenize, speech_dir, tmp_path, capsys):
    assert tokenize(speech_dir, "store", "--segments")[0] != 0
    assert "3 for every frame: take the first codebook alone, --codebooks 1" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("penalty", ["some/folder", "-1", "nan", "inf"])
def test_what_is_no_penalty_is_refused(penalty, speech_dir, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["tokenize", str(speech_dir), "--out", str(tmp_path / "store"), f"--segments={penalty}"])
    assert "is no penalty; wanted" in capsys.readouterr().err
