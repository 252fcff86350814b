"""`vqaudio decode IDS --like EXPORT`: what a language model sampled becomes sound."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.jobs.stamps import stamp_of
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.writer import TokenWriter


@pytest.fixture(scope="module")
def store(tiny_codec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six rows of 3 codebooks of 64, of 20 frames each."""
    folder, generator = tmp_path_factory.mktemp("store") / "tokens", np.random.default_rng(0)
    with TokenWriter(folder, stamp_of(open_codec(tiny_codec))) as writer:
        for number in range(6):
            codes = generator.integers(0, 64, (3, 20)).astype(np.uint16)
            writer.append(TokenRow(f"{number}.wav", codes, 6400, 16_000, 0.4, f"s{number}"))
    return folder


@pytest.fixture(scope="module")
def lm(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the first two codebooks, delayed: codes are 0 to 127, padding 128, BOS 129, EOS 130."""
    out = tmp_path_factory.mktemp("lm") / "out"
    flags = "--format nanogpt --codebooks 2 --interleave delayed --eos --validation 0 --quiet"
    assert main(["export", str(store), "--out", str(out), *flags.split()]) == 0
    return out


@pytest.fixture
def decode(tiny_codec: Path, lm: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / wavs`; returns the exit status and name -> samples."""

    def call(ids: Path, *flags: str) -> tuple[int, dict[str, np.ndarray]]:
        words = ["decode", str(ids), "--like", str(lm), "--out", str(tmp_path / "wavs"), "--codec", str(tiny_codec)]
        status = main([*words, *flags])
        paths = sorted((tmp_path / "wavs").glob("*.wav"))
        return status, {path.name: soundfile.read(path, dtype="int16")[0] for path in paths}

    return call


def sound_of(codec: Path, codes: np.ndarray) -> np.ndarray:
    sound = open_codec(codec).decode(torch.from_numpy(codes.astype(np.int64))[None])[0, 0]
    return np.clip(np.round(sound.numpy() * 32_768), -32_768, 32_767).astype(np.int16)


def test_the_ids_of_an_export_become_the_sound_of_its_store(decode, lm, store, tiny_codec, capsys):
    from vqaudio.tokens.store import TokenStore

    status, sounds = decode(lm / "train.bin")
    assert status == 0
    assert list(sounds) == [f"{number:04}.wav" for number in range(6)]
    for row, sound in zip(TokenStore.open(store), sounds.values(), strict=True):
        assert np.array_equal(sound, sound_of(tiny_codec, row.codes[:2]))
    told = capsys.readouterr().out
    assert "ids       258, 6 of them beside the codes" in told
    assert "dropped" not in told
    assert "files     6 of 6 decoded" in told


def test_what_is_dropped_is_told(decode, tmp_path, capsys):
    (tmp_path / "ids.txt").write_text("<|eos|><|s_5|><|hole|><|s_6|><|s_70|><|s_7|><|oops|>\n<|eos|>\n<|s_1")
    status, sounds = decode(tmp_path / "ids.txt")
    assert (status, list(sounds), len(sounds["0000.wav"])) == (0, ["0000.wav"], 320)
    told = capsys.readouterr().out
    assert "dropped   2 ids of no token, 2 codes of incomplete frames, 2 sequences without a whole frame" in told


@pytest.mark.parametrize("content", ["", "hello", "1 2 3"])
def test_ids_without_a_whole_frame_are_refused_and_nothing_is_written(decode, tmp_path, capsys, content):
    (tmp_path / "ids.txt").write_text(content)
    assert decode(tmp_path / "ids.txt") == (1, {})
    assert "holds no whole frame" in capsys.readouterr().err
    assert not (tmp_path / "wavs").exists()


def test_a_file_of_ids_without_its_export_is_asked_for_one(tmp_path, capsys):
    np.save(tmp_path / "ids.npy", np.arange(4))
    assert main(["decode", str(tmp_path / "ids.npy"), "--out", str(tmp_path / "wavs")]) == 1
    assert "--like" in capsys.readouterr().err


def test_a_run_goes_on_with_the_same_ids_only(decode, tmp_path, capsys):
    np.save(tmp_path / "ids.npy", np.array([5, 128, 6, 70, 128, 71]))
    assert decode(tmp_path / "ids.npy")[0] == 0
    assert decode(tmp_path / "ids.npy", "--resume")[0] == 0
    assert "1 were there already" in capsys.readouterr().out
    np.save(tmp_path / "ids.npy", np.array([5, 128, 6, 71, 128, 71]))
    assert decode(tmp_path / "ids.npy", "--resume")[0] == 1
    assert "another store" in capsys.readouterr().err


def test_what_sample_writes_is_decoded(decode, tiny_codec, tmp_path):
    codes = np.array([[5, 6, 7], [8, 9, 10]])
    (tmp_path / "codes.jsonl").write_text(json.dumps({"id": "sample_00", "codes": codes.tolist()}) + "\n")
    assert np.array_equal(decode(tmp_path / "codes.jsonl")[1]["0000.wav"], sound_of(tiny_codec, codes))


@pytest.mark.filterwarnings("ignore")  # transformers warns about itself
def test_what_a_gpt2_generates_is_decoded(decode, tmp_path):
    """A prompt, ids drawn from random weights, and padding after the end: as `generate` returns them."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=192, n_embd=16, n_layer=1, n_head=2, n_positions=64)
    model = transformers.GPT2LMHeadModel(config)
    prompt = torch.tensor([[130, 5, 128, 6, 70]] * 4)
    ids = model.generate(
        prompt,
        attention_mask=torch.ones_like(prompt),
        do_sample=True,
        max_new_tokens=59,
        eos_token_id=130,
        pad_token_id=131,
    )
    np.save(tmp_path / "ids.npy", ids.numpy())
    status, sounds = decode(tmp_path / "ids.npy")
    assert status == 0
    assert len(sounds) == 4  # each has at least its prompt's frame
    assert all(len(sound) % 320 == 0 for sound in sounds.values())
