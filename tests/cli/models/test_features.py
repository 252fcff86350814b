"""`vqaudio features` from outside: vectors in files, which a run that was stopped goes on with."""

import json
from pathlib import Path

import numpy as np
import pytest

from vqaudio.audio.files import read_audio
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.jobs.features.folder import read_facts, read_vectors
from vqaudio.jobs.probe.vectors import codec_vectors


def write(codec: object, audio: Path, out: Path, *flags: str) -> int:
    return main(["features", str(codec), "--audio", str(audio), "--out", str(out), "--workers", "0", "--quiet", *flags])


@pytest.mark.parametrize(("kind", "codebook"), [("encoder", 0), ("codebook", 0), ("encoder", 2)])
def test_files_hold_the_vectors_of_each_recording(
    tiny_codec: Path, recordings: Path, tmp_path: Path, kind: str, codebook: int
) -> None:
    assert write(tiny_codec, recordings, tmp_path, "--kind", kind, "--codebook", str(codebook)) == 0
    codec = open_codec(tiny_codec)
    for path in sorted(recordings.rglob("*.*")):
        found = np.load((tmp_path / path.relative_to(recordings)).with_suffix(".npy"), allow_pickle=False)
        wanted = codec_vectors(codec, read_audio(path), codebook)
        assert found.dtype == np.float32
        assert np.allclose(found, wanted.encoder if kind == "encoder" else wanted.codebook, atol=1e-5)
        assert len(found) == len(wanted.codes)
    facts = json.loads((tmp_path / "features.json").read_text())
    assert (facts["frame_rate_hz"], facts["first_centre_s"]) == (50.0, 0.01)
    assert (facts["made_by"]["kind"], facts["made_by"]["codebook"]) == (kind, codebook)


def test_hidden_states_say_where_their_frames_stand(speech_model: Path, recordings: Path, tmp_path: Path) -> None:
    assert write(f"units:{speech_model}", recordings, tmp_path, "--layer", "1") == 0
    facts = read_facts(tmp_path)
    assert facts is not None
    assert (facts.first_centre_s, facts.frame_rate_hz, facts.made_by["layer"]) == (0.0125, 50.0, 1)
    lengths = [len(read_vectors(path)) for path in sorted(tmp_path.rglob("*.npy"))]
    assert min(lengths) == 1
    assert max(lengths) == 30  # of 9,999 samples, as the model's convolutions count


def test_a_run_resumes_what_is_missing_or_cut_short(tiny_codec: Path, recordings: Path, tmp_path: Path) -> None:
    assert write(tiny_codec, recordings, tmp_path) == 0
    files = sorted(tmp_path.rglob("*.npy"))
    contents = {path: path.read_bytes() for path in files}
    files[0].unlink()
    files[4].write_bytes(contents[files[4]][:-3])
    files[2].write_bytes(b"no array")
    stamps = {path: path.stat().st_mtime_ns for path in files[5:]}
    assert write(tiny_codec, recordings, tmp_path) == 1
    assert write(tiny_codec, recordings, tmp_path, "--resume") == 0
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*.npy"))} == contents
    assert {path: path.stat().st_mtime_ns for path in files[5:]} == stamps


def test_a_run_with_another_codec_or_kind_is_refused(
    tiny_codec: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write(tiny_codec, recordings, tmp_path) == 0
    assert write(tiny_codec, recordings, tmp_path, "--resume", "--kind", "codebook") == 1
    assert "holds features of tiny (encoder)" in capsys.readouterr().err
    before = read_vectors(next(tmp_path.rglob("*.npy")))
    assert write(tiny_codec, recordings, tmp_path, "--overwrite", "--kind", "codebook") == 0
    assert not np.array_equal(read_vectors(next(tmp_path.rglob("*.npy"))), before)


def test_a_broken_recording_is_named_and_stops_nothing(tiny_codec: Path, recordings: Path, tmp_path: Path) -> None:
    audio, out = tmp_path / "audio", tmp_path / "out"
    audio.mkdir()
    (audio / "whole.wav").write_bytes((recordings / "speaker1" / "03.wav").read_bytes())
    (audio / "broken.wav").write_bytes(b"RIFF")
    assert write(tiny_codec, audio, out) == 2
    assert json.loads((out / "failures.jsonl").read_text())["id"] == "broken.wav"
    assert [path.name for path in out.glob("*.npy")] == ["whole.npy"]
    (audio / "broken.wav").write_bytes((audio / "whole.wav").read_bytes())
    assert write(tiny_codec, audio, out, "--resume") == 0
    assert not (out / "failures.jsonl").read_text()


def test_options_of_the_other_sort_are_refused(
    tiny_codec: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for codec, flags, sentence in (
        (tiny_codec, ("--layer", "2"), "--layer goes with units:MODEL"),
        (tiny_codec, ("--codebook", "9"), "codebooks 0 to 2, not 9"),
        ("units:x", ("--layer", "2", "--kind", "codebook"), "of a model a --layer is read"),
        ("units:x", (), "name the layer"),
        ("hf:x", (), "shows no vectors"),
    ):
        assert write(codec, recordings, tmp_path / "out", *flags) == 1
        assert sentence in capsys.readouterr().err


def test_nothing_of_another_codec_is_taken_for_done_after_an_overwriting_run_was_stopped(
    tiny_codec: Path, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write(tiny_codec, recordings, tmp_path) == 0
    with monkeypatch.context() as patch:
        patch.setattr(
            "vqaudio.jobs.features.run.VectorTask.encode", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        write(tiny_codec, recordings, tmp_path, "--overwrite", "--kind", "codebook")
    assert write(tiny_codec, recordings, tmp_path, "--resume", "--kind", "codebook") == 0
    other = tmp_path / "other"
    assert write(tiny_codec, recordings, other, "--kind", "codebook") == 0
    for path in sorted(other.rglob("*.npy")):
        assert np.array_equal(read_vectors(tmp_path / path.relative_to(other)), read_vectors(path))


def test_files_without_features_json_are_not_taken_for_done(tiny_codec: Path, recordings: Path, tmp_path: Path) -> None:
    assert write(tiny_codec, recordings, tmp_path) == 0
    (tmp_path / "features.json").unlink()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.npy")}
    assert write(tiny_codec, recordings, tmp_path, "--resume", "--kind", "codebook") == 0
    assert all(path.read_bytes() != content for path, content in before.items())
