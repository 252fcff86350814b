"""`vqaudio tokenize --pitch`, and what reads its store."""

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import to_int16
from vqaudio.cli.main import main
from vqaudio.cli.recordings.decode import pitch_in_words, pitch_spoken
from vqaudio.codec.model import Codec
from vqaudio.codec.pitch.coder import Pitch
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.store import TokenStore

LENGTHS = {"a.wav": 17_777, "b.wav": 170_001, "c.wav": 100}  # one of more than a block of F0


@pytest.fixture(scope="module")
def pitched(make_voiced_codec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a codec with random weights that takes 32 steps of pitch, hears voices and knows `ada`."""
    codec = make_voiced_codec(known=("ada",), pitch_steps=32)
    conditioning = codec.decoder.pitch
    assert conditioning is not None
    torch.nn.init.normal_(conditioning.embedding.weight)
    torch.nn.init.normal_(conditioning.gains.weight, std=0.3)
    folder = tmp_path_factory.mktemp("codec") / "pitched"
    save_codec(codec, folder)
    return folder


@pytest.fixture(scope="module")
def sung(voice, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three melodies around different medians, the last too short for one."""
    folder = tmp_path_factory.mktemp("audio") / "sung"
    folder.mkdir()
    for place, (name, num_samples) in enumerate(LENGTHS.items()):
        melody = 0.4 * np.sin(np.arange(num_samples) / 5_000) * (np.arange(num_samples) // 3_000 % 3 > 0)
        soundfile.write(folder / name, voice((130 + 60 * place) * 2**melody), 16_000, subtype="PCM_16")
    return folder


@pytest.fixture
def call(pitched: Path):
    """Run a verb with the codec; returns the exit status."""
    return lambda verb, *arguments: main([verb, *map(str, arguments), "--codec", str(pitched)])


@pytest.fixture
def store(call, sung: Path, tmp_path: Path) -> Path:
    assert call("tokenize", sung, "--out", tmp_path / "store", "--pitch", "--workers", "0", "--quiet") == 0
    return tmp_path / "store"


def pitch_in(store: Path) -> dict[str, tuple]:
    return {row.id: (np.asarray(row.pitch).tolist(), row.pitch_median_hz) for row in TokenStore.open(store)}


def pitch_of(row: TokenRow, codec: Codec) -> Pitch:
    codes = torch.from_numpy(np.asarray(row.pitch, dtype=np.int64))[None]
    return Pitch(codes, torch.tensor([row.pitch_median_hz]), codec.pitch_steps)


def test_the_store_has_the_pitch_that_the_codec_gives_and_the_codes_of_a_store_without(
    call, pitched: Path, sung: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec = open_codec(pitched)
    for row in TokenStore.open(store):
        wanted = codec.encode_pitch(torch.from_numpy(read_audio(sung / row.id))[None, None])
        found = pitch_of(row, codec)
        assert found.codes.tolist() == wanted.codes.tolist()
        assert found.median_hz.tolist() == wanted.median_hz.tolist()
        assert found.codes.any() == (row.id != "c.wav")
    capsys.readouterr()
    assert call("tokenize", sung, "--out", tmp_path / "codes", "--workers", "1") == 0
    assert "pitch " not in capsys.readouterr().out
    without = {row.id: row.codes.tolist() for row in TokenStore.open(tmp_path / "codes")}
    assert {row.id: row.codes.tolist() for row in TokenStore.open(store)} == without
    assert call("tokenize", sung, "--out", tmp_path / "more", "--workers", "1", "--pitch") == 0
    share = np.mean(np.concatenate([steps for steps, _ in pitch_in(store).values()]) > 0)
    assert f"pitch     32 steps around each recording's median, {share:.0%} voiced" in capsys.readouterr().out
    assert share > 0.5
    assert pitch_in(tmp_path / "more") == pitch_in(store)


def test_a_run_goes_on_with_pitch_only(
    call, sung: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "part").mkdir()
    shutil.copy(sung / "b.wav", tmp_path / "part")
    command = ("--out", tmp_path / "begun", "--workers", "0", "--quiet", "--resume")
    assert call("tokenize", tmp_path / "part", *command, "--pitch", "--segments") == 0
    assert call("tokenize", sung, *command, "--segments") == 1
    assert "pitch in 32 steps" in capsys.readouterr().err
    assert call("tokenize", sung, *command, "--pitch", "--segments") == 0
    assert pitch_in(tmp_path / "begun") == pitch_in(store)


def test_a_store_is_decoded_with_its_pitch(call, pitched: Path, store: Path, tmp_path: Path) -> None:
    codec = open_codec(pitched)
    for voice in ((), ("--speaker", "ada")):
        out = tmp_path / f"wavs{len(voice)}"
        assert call("decode", store, "--out", out, "--quiet", *voice) == 0
        assert codec.known_speakers is not None
        embedding = codec.known_speakers.find("ada") if voice else None
        for row in TokenStore.open(store):
            pitch = pitch_of(row, codec)
            if embedding is not None:
                pitch = pitch.around(codec.predict_pitch(row.codes, embeddings=embedding).median_hz)
            sound = codec.decode(row.codes, row.num_samples, embeddings=embedding, pitch=pitch)
            found = read_audio(out / row.id)
            assert np.abs(found - to_int16(sound[0, 0].numpy()) / 32_768).max() <= 2 / 32_768
            unpitched = codec.decode(row.codes, row.num_samples, embeddings=embedding)[0, 0].numpy()
            assert np.abs(found - unpitched).max() > 1e-3


def test_what_was_done_with_the_pitch_is_told(
    call, make_voiced_codec, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, (voice, told) in enumerate({"": "as high as it was", "ada": "around the median of that voice"}.items()):
        command = ("decode", store, "--out", tmp_path / str(number), *(["--speaker", voice] if voice else []))
        assert call(*command) == 0
        assert f"pitch     of the store, {told}" in capsys.readouterr().out
    row = next(iter(TokenStore.open(store)))
    assert pitch_spoken(make_voiced_codec(), None)(row) == {"pitch": None, "pitch_median_hz": 0.0}
    assert pitch_in_words(make_voiced_codec(), None) == "left out: the codec takes none"


def test_a_damaged_shard_is_made_again_with_its_pitch(call, sung: Path, store: Path) -> None:
    before = pitch_in(store)
    (store / "data" / "part-00000.parquet").write_bytes(b"no")
    assert call("verify", store, "--repair", "--audio", sung, "--workers", "0", "--quiet") == 0
    assert pitch_in(store) == before
    assert call("verify", store, "--repair", "--audio", sung, "--quiet") == 0


def export(store: Path, out: Path, kind: str, *options: str) -> Path:
    command = ["export", str(store), "--format", kind, "--out", str(out), "--check", "--quiet", "--validation", "0"]
    assert main([*command, *options]) == 0
    return out


def test_an_export_has_pitch_beside_its_tokens_which_stay_as_they_are(
    call, sung: Path, store: Path, tmp_path: Path
) -> None:
    call("tokenize", sung, "--out", tmp_path / "codes", "--workers", "0", "--quiet")
    lines = []
    for tokens in (store, tmp_path / "codes"):
        path = export(tokens, tmp_path / f"lines-{tokens.name}", "jsonl", "--deduplicate") / "train.jsonl"
        lines.append([json.loads(line) for line in path.read_text().splitlines()])
    pitch = {line["id"]: (line.pop("pitch"), line.pop("pitch_median_hz")) for line in lines[0]}
    assert pitch == pitch_in(store)
    assert lines[0] == lines[1]
    rows = pq.read_table(export(store, tmp_path / "hf", "hf") / "data").to_pylist()
    assert {row["id"]: (row["pitch"], row["pitch_median_hz"]) for row in rows} == pitch
    with tarfile.open(next(export(store, tmp_path / "tars", "webdataset").rglob("*.tar"))) as tar:
        known = [json.load(tar.extractfile(name) or io.BytesIO()) for name in tar.getnames() if name.endswith(".json")]
    assert {one["id"]: (one["pitch"], one["pitch_median_hz"]) for one in known} == pitch
    export(store, tmp_path / "packed", "hf", "--context", "16")
    assert pq.read_table(tmp_path / "packed" / "data").column_names == ["input_ids"]
    export(store, tmp_path / "bin", "nanogpt")


def test_ids_of_an_export_with_pitch_are_decoded_without(
    call, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    like = export(store, tmp_path / "like", "jsonl")
    assert call("decode", like / "train.jsonl", "--like", like, "--out", tmp_path / "wavs") == 0
    assert "pitch " not in capsys.readouterr().out


def test_a_codec_that_takes_no_pitch_says_so_and_what_to_do(
    tokenize, sung: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert tokenize(sung, "store", "--pitch")[0] == 1
    assert "tiny takes no pitch beside its codes" in (told := capsys.readouterr().err)
    assert "leave --pitch out, or train a codec that takes it, see recipes/units_16k_pitch.yaml" in told
    assert not (tmp_path / "store").exists()
