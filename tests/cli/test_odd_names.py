"""Names with line ends, terminal escapes and reversed text: no verb prints them as they are."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main

NAMES = ("a\nfailed: forged.wav", "b\x1b[2J\x1b]0;title\x07.wav", "c\u202egpj.wav", "d\x9b31m\r.wav")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """Silent recordings, which are warned about, and broken ones, under such names."""
    folder = tmp_path / "odd"
    (folder / "e\x1b[31m").mkdir(parents=True)
    for name in NAMES:
        soundfile.write(folder / name, np.zeros(4_000), 16_000, format="WAV")
        (folder / "e\x1b[31m" / name).write_text("not audio")
    return folder


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]):
    """Runs a verb; returns the exit status and what it printed, of which every character is one that can be seen."""

    def call(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        for line in (printed.out + printed.err).split("\n"):
            assert line.isprintable(), line
            assert not line.startswith(("failed: forged", "title")), line
        return status, printed.out + printed.err

    return call


def test_tokenize_info_decode_and_export(say, odd: Path, tiny_codec: Path, tmp_path: Path) -> None:
    store, codec = tmp_path / "tokens\x1b[1m", ("--codec", tiny_codec)
    status, told = say("tokenize", odd, "--out", store, "--workers", "0", *codec)
    assert status == 2
    assert "warning: a\\nfailed: forged.wav: digital silence" in told
    assert "failed: e\\x1b[31m/b\\x1b[2J" in told
    assert say("info", store)[0] == 0
    assert say("decode", store, "--out", tmp_path / "wavs\x1b[1m", *codec)[0] == 0
    status, told = say("decode", store, "--out", tmp_path / "wavs\x1b[1m", *codec)
    assert (status, "is there already" in told, told.count("\n")) == (1, True, 1)
    assert say("export", store, "--format", "nanogpt", "--out", tmp_path / "export\x1b[1m", "--check")[0] == 0


def test_the_card_of_a_codec(say, tiny_codec: Path, tmp_path: Path) -> None:
    import shutil

    codec = shutil.copytree(tiny_codec, tmp_path / "codec")
    (codec / "README.md").write_text("# Card\n\x1b]0;title\x07\n\tMore\n")
    status, told = say("info", codec)
    assert status == 0
    assert "# Card\n\\x1b]0;title\\x07\n" in told


def test_evaluate(say, odd: Path, level_tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqaudio.codec.saving.open_codec", lambda name, device: level_tokenizer)
    status, told = say("evaluate", odd, "--workers", "0", "--metrics", "mel_db")
    assert status == 2
    assert "left out: e\\x1b[31m/c\\u202egpj.wav" in told


def test_convert(say, odd: Path, make_voiced_codec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codec = make_voiced_codec(known=("ada",))
    monkeypatch.setattr("vqaudio.codec.saving.open_codec", lambda name, device: codec)
    status, told = say("convert", odd, "--to", "ada", "--out", tmp_path / "out\x1b[1m")
    assert status == 2
    assert "left out: " in told


def test_align(say, odd: Path, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx")
    status, told = say("align", odd, "--text", odd, "--out", tmp_path / "grids\x1b[1m", "--workers", "1")
    assert status in (1, 2)
    assert "odd" in told or "failed" in told


def test_probe(say, tmp_path: Path) -> None:
    from vqaudio.tokens.schema import CodecStamp, TokenRow
    from vqaudio.tokens.writer import TokenWriter

    random = np.random.default_rng(0)
    (tmp_path / "grids").mkdir()
    with TokenWriter(tmp_path / "tokens", CodecStamp("tiny", "0" * 64, 16_000, 320, 1, 8)) as writer:
        for number, name in enumerate((*NAMES, "whole.wav")):
            codes = random.integers(0, 8, (1, 500)).astype(np.uint16)
            writer.append(TokenRow(name, codes, 160_000, 16_000, 10.0, f"s{number}\x1b[1m"))
    (tmp_path / "grids" / "whole.phn").write_text("0 80000 aa\n80000 160000 b\x1b[31m\n")
    status, told = say("probe", tmp_path / "tokens", "--alignments", tmp_path / "grids", "--labels", "plain")
    assert status in (0, 1, 2)
    assert told


def test_errors(say, tmp_path: Path) -> None:
    status, told = say("tokenize", tmp_path / "none\nvqaudio: all is well\x1b[2J", "--out", tmp_path / "out")
    assert (status, told.count("\n")) == (1, 1)
    (tmp_path / "corpus\x1b[1m").mkdir()
    assert say("info", tmp_path / "corpus\x1b[1m")[0] == 1
