"""`vqaudio sample` from outside: what is written, that it is repeatable, and what is refused."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.cli.language.sample import add_arguments, request_of
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.jobs.stamps import stamp_of
from vqaudio.jobs.voice.sampling import Request
from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.language import CodeLanguage
from vqaudio.prior.model import Prior
from vqaudio.prior.sampling import SamplingOptions
from vqaudio.prior.saving import save_prior
from vqaudio.tokens.store import TokenStore


def write_prior(codec: Path, folder: Path, num_codebooks: int = 1) -> Path:
    language = CodeLanguage(stamp_of(open_codec(codec), num_codebooks), speakers=("ada",))
    torch.manual_seed(0)
    prior = Prior(NetworkConfig(width=16, num_layers=1, num_heads=2, hidden=24, context_tokens=64), language)
    save_prior(prior, folder)
    return folder


@pytest.fixture(scope="module")
def prior(tiny_codec: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the first two codebooks; it knows `ada`."""
    return write_prior(tiny_codec, tmp_path_factory.mktemp("prior"), 2)


@pytest.fixture
def sample(tiny_codec: Path, prior: Path, tmp_path: Path):
    """Runs the verb into `tmp_path / name`; returns the exit status and the folder."""

    def call(name: str = "out", *flags: str) -> tuple[int, Path]:
        out = tmp_path / name
        words = ["sample", "--prior", str(prior), "--codec", str(tiny_codec), "--out", str(out), "--num", "2"]
        return main([*words, "--seconds", "0.6", *flags]), out

    return call


def codes_in(folder: Path) -> list[np.ndarray]:
    return [row.codes for row in TokenStore.open(folder / "tokens")]


def test_samples_are_sound_codes_pictures_and_a_record(sample, tiny_codec: Path, capsys) -> None:
    status, out = sample()
    assert status == 0
    assert "x real time" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "sample_00.wav", "sample_01.wav", "sample_00.png", "sample_01.png", "tokens", "codes.jsonl", "sample.json",
    }  # fmt: skip
    codec, lines = open_codec(tiny_codec), (out / "codes.jsonl").read_text().splitlines()
    for number, codes in enumerate(codes_in(out)):
        assert json.loads(lines[number]) == {"id": f"sample_{number:02}", "codes": codes.tolist()}
        sound = codec.decode(torch.from_numpy(codes.astype(np.int64))[None])[0, 0].numpy()
        written = soundfile.read(out / f"sample_{number:02}.wav", dtype="float32")[0]
        np.testing.assert_allclose(written, sound.clip(-1, 1), atol=1 / 32_768)
        assert 25 <= codes.shape[1] <= 30
    assert json.loads((out / "sample.json").read_text())["asked"]["num"] == 2


def test_the_same_command_gives_the_same_samples_and_another_seed_others(sample) -> None:
    folders = [
        sample(name, "--no-pictures", *more)[1] for name, more in zip("abc", [(), (), ("--seed", "1")], strict=True)
    ]
    one, same, other = ((folder / "sample_00.wav").read_bytes() for folder in folders)
    assert one == same != other


def test_a_sample_continues_its_prompt(sample, tiny_codec: Path, tmp_path: Path, capsys) -> None:
    generator = np.random.default_rng(0)
    soundfile.write(tmp_path / "prompt.wav", 0.1 * generator.standard_normal(22_050), 44_100)
    _, out = sample("out", "--prompt", str(tmp_path / "prompt.wav"))
    from vqaudio.audio.files import read_audio

    prompt = open_codec(tiny_codec).encode(torch.from_numpy(read_audio(tmp_path / "prompt.wav"))[None, None])[0]
    assert json.loads((out / "sample.json").read_text())["prompt_frames"] == prompt.shape[1] == 25
    first, second = codes_in(out)
    new_s = (first.shape[1] + second.shape[1] - 2 * 25) / 50
    assert f"2, {new_s:.1f} s of new speech" in capsys.readouterr().out
    for codes in (first, second):
        np.testing.assert_array_equal(codes[0, :25], prompt[0])
        np.testing.assert_array_equal(codes[1, :24], prompt[1, :24])  # the second codebook is late by a frame
        assert 50 <= codes.shape[1] <= 55
    assert not np.array_equal(first[:, 25:], second[:, 25:])


def test_what_is_there_is_replaced_only_when_told_to(sample, capsys) -> None:
    _, out = sample("out", "--num", "3", "--no-pictures")
    assert sample("out", "--no-pictures")[0] == 1
    assert "--overwrite" in capsys.readouterr().err
    assert sample("out", "--no-pictures", "--overwrite")[0] == 0
    assert len(list(out.glob("*.wav"))) == len(codes_in(out)) == 2


def test_a_speaker_of_the_prior_is_taken_and_another_refused(sample, capsys) -> None:
    one, other = (sample(name, "--no-pictures", *more)[1] for name, more in (("a", ()), ("b", ("--speaker", "ada"))))
    assert any(not np.array_equal(a, b) for a, b in zip(codes_in(one), codes_in(other), strict=True))
    assert sample("c", "--speaker", "nobody")[0] == 1
    assert "'nobody'" in capsys.readouterr().err


def test_a_codec_whose_codes_the_prior_has_not_learned_is_refused(sample, capsys) -> None:
    status, out = sample("out", "--codec", "speech-16k")
    assert status == 1
    assert "use the codec that made them" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [(("--num", "0"), "1 sample"), (("--top-p", "2"), "top-p"), (("--prior", "nowhere"), "no prior called")],
)
def test_odd_wishes_are_answered_in_a_line(sample, capsys, flags, said) -> None:
    assert sample("out", *flags)[0] == 1
    assert said in capsys.readouterr().err


def test_every_option_reaches_the_request() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    words = "--prior p --out o --prompt a.wav --seconds 2.5 --num 3 --seed 4 --temperature 0.5 --top-k 6 --top-p 0.7"
    args = parser.parse_args([*words.split(), "--repetition", "1.8", "--speaker", "ada"])
    assert request_of(args) == Request(3, 2.5, Path("a.wav"), "ada", 4, SamplingOptions(0.5, 6, 0.7, 1.8))
    assert request_of(parser.parse_args(["--prior", "p", "--out", "o"])) == Request()
