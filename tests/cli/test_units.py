"""Commands with units: hidden states of a model of transformers and means."""

import json
from pathlib import Path

import pytest
import torch

from vqaudio.audio.files import read_audio
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_tokenizer
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.wire.file import read_codes

pytest.importorskip("transformers", reason="transformers is not installed: pip install 'vqaudio[hf]'")


def tokenize(audio: Path, out: Path, model: Path, means: Path, *flags: str, layer: int = 2) -> int:
    codec = ("--codec", f"units:{model}", "--layer", str(layer), "--kmeans", str(means))
    return main(["tokenize", str(audio), "--out", str(out), *codec, "--workers", "0", "--quiet", *flags])


@pytest.fixture(scope="module")
def tokens(speech_model: Path, means_file: Path, samples_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("units") / "tokens"
    assert tokenize(samples_dir, out, speech_model, means_file) == 0
    return out


def test_a_store_holds_the_units_of_each_recording_alone(
    tokens: Path, speech_model: Path, means_file: Path, samples_dir: Path
) -> None:
    store, codec = TokenStore.open(tokens), open_tokenizer(f"units:{speech_model},layer=2,kmeans={means_file}")
    assert (store.stamp.name, store.stamp.num_codebooks, store.stamp.codebook_size) == (
        "units:hubert/L2/kmeans-17",
        1,
        17,
    )
    rows = list(store)
    for row in rows[::6]:
        audio = torch.from_numpy(read_audio(samples_dir / row.id, 16_000))[None, None]
        assert codec.encode(audio)[0].tolist() == row.codes.tolist()
    assert len(rows) == 18


def test_one_recording_has_the_units_of_the_store(
    tokens: Path, speech_model: Path, means_file: Path, samples_dir: Path, tmp_path: Path
) -> None:
    row = next(iter(TokenStore.open(tokens)))
    codec = ["--codec", f"units:{speech_model},layer=2,kmeans={means_file}"]
    assert main(["encode", str(samples_dir / row.id), str(tmp_path / "one.codes"), *codec, "--quiet"]) == 0
    assert read_codes(tmp_path / "one.codes").codes.tolist() == row.codes.tolist()
    assert main(["decode", str(tmp_path / "one.codes"), str(tmp_path / "one.wav"), *codec]) == 1


def test_recordings_of_any_length_have_units(
    recordings: Path, speech_model: Path, means_file: Path, tmp_path: Path
) -> None:
    assert tokenize(recordings, tmp_path / "tokens", speech_model, means_file) == 0
    assert len(TokenStore.open(tmp_path / "tokens")) == 10


def test_a_run_resumes_and_one_with_other_parts_is_refused(
    tokens: Path, speech_model: Path, means_file: Path, samples_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = [path.read_bytes() for path in sorted(tokens.rglob("*.parquet"))]
    assert tokenize(samples_dir, tokens, speech_model, means_file, "--resume") == 0
    assert [path.read_bytes() for path in sorted(tokens.rglob("*.parquet"))] == before
    assert tokenize(samples_dir, tokens, speech_model, means_file, "--resume", layer=1) == 1
    assert "units:hubert/L1/kmeans-17" in capsys.readouterr().err


def test_a_damaged_store_is_repaired(
    speech_model: Path, means_file: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, codec = tmp_path / "tokens", f"units:{speech_model},layer=2,kmeans={means_file}"
    assert tokenize(recordings, out, speech_model, means_file) == 0
    shard = next(out.rglob("*.parquet"))
    whole = shard.read_bytes()
    shard.write_bytes(whole[:50] + b"?" + whole[51:])
    repair = ["verify", str(out), "--repair", "--audio", str(recordings), "--workers", "0", "--quiet"]
    assert main(repair) == 1
    assert "give its folder with --codec" in capsys.readouterr().err
    assert main([*repair, "--codec", codec]) == 0
    assert shard.read_bytes() == whole


def test_units_are_probed_exported_and_described(
    tokens: Path, samples_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = ["--alignments", str(samples_dir), "--labels", "plain", "--accept-few-frames"]
    assert main(["probe", str(tokens), *labels, "--with", "none", "--out", str(tmp_path / "probe")]) == 0
    found = json.loads((tmp_path / "probe" / "probe.json").read_text())
    assert found["headline"]["codes"]["information"]["pnmi"] > 0
    assert main(["export", str(tokens), "--format", "gslm", "--out", str(tmp_path / "gslm"), "--check"]) == 0
    assert main(["info", str(tokens)]) == 0
    assert "units:hubert/L2/kmeans-17" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["decode", "evaluate", "report"])
def test_what_needs_sound_says_that_units_have_none(
    tokens: Path, speech_model: Path, means_file: Path, samples_dir: Path, verb: str, tmp_path: Path, capsys
) -> None:
    codec = ["--codec", f"units:{speech_model},layer=2,kmeans={means_file}"]
    rest = {
        "decode": [str(tokens), "--out", str(tmp_path / "out"), *codec],
        "evaluate": [str(samples_dir), *codec],
        "report": [codec[1], str(samples_dir), "--out", str(tmp_path / "page.html")],
    }
    assert main([verb, *rest[verb]]) == 1
    assert "units hold what is said" in capsys.readouterr().err
    if verb == "decode":
        assert main(["decode", str(tokens), "--out", str(tmp_path / "out")]) == 1
        assert "units hold what is said" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_flags_without_units_are_refused(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenize", str(recordings), "--out", str(tmp_path / "tokens"), "--layer", "6"]) == 1
    assert "--layer and --kmeans go with --codec units:MODEL" in capsys.readouterr().err
