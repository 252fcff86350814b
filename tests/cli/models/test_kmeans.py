"""`vqaudio kmeans` from outside: means of hidden states, which make a codec by their folder."""

import json
from pathlib import Path

import numpy as np
import pytest

from vqaudio.cli.main import main
from vqaudio.codec.saving import open_tokenizer
from vqaudio.codec.units.centroids import read_centroids
from vqaudio.codec.units.naming import CENTROIDS
from vqaudio.tokens.store import TokenStore

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'vqaudio[hf]'")


def fit(source: object, out: Path, *flags: str) -> int:
    return main(["kmeans", str(source), "--out", str(out), "-k", "8", "--quiet", *flags])


@pytest.fixture(scope="module")
def folder(speech_model: Path, recordings: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("kmeans") / "hubert-8"
    audio = ("--audio", str(recordings), "--workers", "0")
    assert fit(f"units:{speech_model}", out, "--layer", "2", *audio) == 0
    return out


def test_the_folder_is_a_codec_by_its_path(
    folder: Path, speech_model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = tmp_path / "tokens"
    arguments = ["tokenize", str(recordings), "--out", str(tokens), "--workers", "0", "--quiet"]
    assert main([*arguments, "--codec", str(folder)]) == 0
    store = TokenStore.open(tokens)
    assert (store.stamp.name, store.stamp.codebook_size) == ("units:hubert/L2/kmeans-8", 8)
    assert len({code for row in store for code in row.codes[0].tolist()}) > 4
    parts = f"units:{speech_model},layer=2,kmeans={folder / CENTROIDS}"
    assert main([*arguments, "--codec", parts, "--resume"]) == 0
    assert main(["verify", str(tokens)]) == 0
    assert main(["info", str(folder)]) == 0
    assert "num_units" in capsys.readouterr().out


def test_means_of_features_are_those_of_their_model(
    folder: Path, speech_model: Path, recordings: Path, tmp_path: Path
) -> None:
    features = tmp_path / "features"
    arguments = ["--layer", "2", "--audio", str(recordings), "--out", str(features), "--workers", "0", "--quiet"]
    assert main(["features", f"units:{speech_model}", *arguments]) == 0
    assert fit(features, tmp_path / "again") == 0
    for name in (CENTROIDS, "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()
    (features / "features.json").unlink()
    assert fit(features, tmp_path / "alone") == 0
    assert not (tmp_path / "alone" / "config.json").exists()
    assert np.array_equal(read_centroids(tmp_path / "alone" / CENTROIDS), read_centroids(folder / CENTROIDS))


def test_a_broken_recording_is_counted_and_stops_nothing(
    speech_model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "whole.wav").write_bytes((recordings / "speaker1" / "09.wav").read_bytes())
    (audio / "broken.wav").write_bytes(b"RIFF")
    flags = ("--layer", "1", "--audio", str(audio), "--workers", "0")
    assert fit(f"units:{speech_model}", tmp_path / "out", *flags) == 2
    assert json.loads((tmp_path / "out" / "failures.jsonl").read_text())["id"] == "broken.wav"
    assert open_tokenizer(tmp_path / "out").codebook_size == 8
    assert "1 files failed" in capsys.readouterr().err


def test_what_makes_no_sense_is_told(
    folder: Path, speech_model: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = ("--audio", str(recordings), "--workers", "0")
    for source, out, flags, sentence in (
        (f"units:{speech_model}", folder, ("--layer", "2", *audio), "is there already"),
        (f"units:{speech_model}", tmp_path / "a", audio, "name the layer"),
        (f"units:{speech_model}", tmp_path / "a", ("--layer", "2"), "--audio and --layer go with"),
        (tmp_path / "none", tmp_path / "a", (), "no folder of features"),
        (recordings, tmp_path / "a", (), "there is no .npy below"),
        (f"units:{speech_model}", tmp_path / "a", ("--layer", "2", *audio, "--max-frames", "5"), "too few for 8"),
    ):
        assert fit(source, out, *flags) == 1
        assert sentence in capsys.readouterr().err
    assert not (tmp_path / "a" / CENTROIDS).exists()


def test_a_codec_keeps_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "a.npy", np.zeros((20, 2), np.float32))
    (tmp_path / "codec").mkdir()
    (tmp_path / "codec" / "config.json").write_text('{"codec": {}}')
    assert fit(tmp_path, tmp_path / "codec", "--overwrite") == 1
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / "codec" / "config.json").exists()
