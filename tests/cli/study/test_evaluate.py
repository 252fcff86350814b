"""The verb `evaluate`, with a tokenizer of sixteen levels in the place of a trained one."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.cli.main import main
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.stamps import stamp_of
from vqaudio.prior.frame_model import FrameNetworkConfig, FramePrior
from vqaudio.prior.frame_saving import save_frame_prior

RATE_HZ = 16_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level_tokenizer: AudioTokenizer) -> Path:
    """Two sound files; the codec `levels` is the only one there is."""
    monkeypatch.setattr("vqaudio.codec.saving.open_codec", lambda name, device: level_tokenizer)
    torch.manual_seed(0)
    (tmp_path / "wavs").mkdir()
    for name, seed in (("a.wav", 0), ("b.wav", 1)):
        soundfile.write(tmp_path / "wavs" / name, np.random.default_rng(seed).normal(0, 0.2, 8000).clip(-1, 1), RATE_HZ)
    return tmp_path / "wavs"


def test_table_and_json_tell_the_same_figures(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found_at = folder.parent / "out" / "found.json"
    metrics = ["--metrics", "mel_db", "si_sdr_db"]
    assert main(["evaluate", str(folder), "--codec", "x", "--workers", "0", "--json", str(found_at), *metrics]) == 0
    printed = capsys.readouterr().out
    found = json.loads(found_at.read_text())
    assert (found["codec"], found["weights_sha256"]) == ("levels", "ab" * 32)
    (row,) = found["rows"]
    line = next(line for line in printed.splitlines() if line.startswith("levels 1"))
    assert f"{row['scores']['mel_db']['mean']:.2f} ±" in line
    assert f"{row['scores']['si_sdr_db']['mean']:.1f} ±" in line
    assert "64.00" in line  # 16,000 frames of 4 bits
    assert f"{found['codebooks'][0]['used']:.1%}" in printed
    assert "16,000 frames" in printed


def test_plots_are_drawn_where_asked(folder: Path) -> None:
    pytest.importorskip("matplotlib")
    plots = folder.parent / "plots"
    assert main(["evaluate", str(folder), "--workers", "0", "--metrics", "mel_db", "--plots", str(plots)]) == 0
    assert {path.name for path in plots.iterdir()} == {"rate_distortion.png", "rate_distortion.svg"}


def test_a_file_left_out_is_told_and_gives_status_two(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "broken.wav").write_text("no sound")
    assert main(["evaluate", str(folder), "--workers", "0", "--metrics", "mel_db"]) == 2
    printed = capsys.readouterr().out
    assert "levels 1: mel_db leaves out 1 file" in printed
    assert "left out: broken.wav" in printed


def test_mistakes_are_answered_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for flags, answer in (
        (["--metrics", "pesk"], "pesk"),
        (["--codebooks", "2"], "1 to 1"),
        (["--against", "mp3:64"], "opus:6"),
        (["--control", str(folder)], "decodings.json"),
        (["--list", str(folder / "none.txt")], "none.txt"),
    ):
        assert main(["evaluate", str(folder), "--workers", "0", *flags]) == 1
        said = capsys.readouterr().err
        assert answer in said
        assert len(said.splitlines()) == 1


def test_a_metric_whose_package_is_missing_is_told_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("pesq", "pystoi", "visqol"):
        monkeypatch.setitem(sys.modules, package, None)
    found_at = folder.parent / "found.json"
    assert main(["evaluate", str(folder), "--workers", "0", "--json", str(found_at)]) == 0
    printed = capsys.readouterr().out
    assert "ViSQOL" not in printed
    for line in ("pesq_wb, pesq_nb: the package pesq", "stoi, estoi: the package pystoi", "visqol: the package visqol"):
        assert f"not measured: {line} is not installed: pip install 'vqaudio[metrics]'" in printed
    found = json.loads(found_at.read_text())
    assert set(found["not_measured"]) == {"pesq_wb", "pesq_nb", "stoi", "estoi", "visqol"}
    assert not set(found["not_measured"]) & set(found["rows"][0]["scores"])
    assert main(["evaluate", str(folder), "--workers", "0", "--metrics", "visqol"]) == 1
    assert "vqaudio[metrics]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("", "bad {original} {decoded}"),  # no program that a system can run
        ("#!/nowhere/interpreter\n", "bad {original} {decoded}"),
        ("#!/bin/sh\nprintf 'caf\\351' >&2; exit 3\n", "bad {original} {decoded}"),  # words that are not UTF-8
        ("#!/bin/sh\nkill -9 $$\n", "bad {original} {decoded}"),
        ("#!/bin/sh\n", "bad {original} {coded} {decoded}"),  # writes nothing
        ("#!/bin/sh\necho no sound > $2\n", "bad {original} {decoded}"),
        ("#!/bin/sh\nmkdir $2\n", "bad {original} {decoded}"),
        ("#!/bin/sh\nrm -r $1; mkdir $1\n", "bad {original} && bad {original} {decoded}"),
    ],
)
def test_a_program_that_does_not_work_is_told_and_the_rest_of_the_table_comes_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], program: str, command: str
) -> None:
    monkeypatch.setenv("PATH", str(folder.parent), prepend=":")
    (folder.parent / "bad").write_bytes(program.encode() or b"\x7fELF nothing")
    (folder.parent / "bad").chmod(0o755)
    found_at = folder.parent / "found.json"
    flags = ["--workers", "0", "--metrics", "mel_db", "--json", str(found_at), "--against", f"worse={command}"]
    assert main(["evaluate", str(folder), *flags]) == 2
    printed = capsys.readouterr()
    assert "levels 1" in printed.out
    assert "left out: a.wav worse: " in printed.out
    scores = {row["coder"]: row["scores"]["mel_db"] for row in json.loads(found_at.read_text())["rows"]}
    assert {name: score["num_scored"] for name, score in scores.items()} == {"levels": 2, "worse": 0}


@pytest.mark.parametrize("command", ["worse= && cat {original} {decoded}", "worse='' {original} {decoded}"])
def test_a_command_without_a_program_is_refused_at_once(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    assert main(["evaluate", str(folder), "--workers", "0", "--against", command]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_unquantized_is_one_row_more_without_a_rate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, make_voiced_codec, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vqaudio.codec.saving.open_codec", lambda name, device: make_voiced_codec())
    found_at = folder.parent / "found.json"
    command = ["evaluate", str(folder), "--codec", "x", "--workers", "0", "--metrics", "mel_db", "--unquantized"]
    assert main([*command, "--json", str(found_at)]) == 0
    rows = {row["setting"]: row for row in json.loads(found_at.read_text())["rows"]}
    assert list(rows) == ["1", "unquantized"]
    assert rows["unquantized"]["rates"]["nominal"] is None
    assert rows["unquantized"]["scores"]["mel_db"]["mean"] != rows["1"]["scores"]["mel_db"]["mean"]
    assert "voiced unquantized" in capsys.readouterr().out


def test_a_codec_that_shows_no_latents_has_no_unquantized_row(folder: Path, capsys) -> None:
    assert main(["evaluate", str(folder), "--codec", "x", "--workers", "0", "--unquantized"]) == 1
    assert "shows no latents" in capsys.readouterr().err


def test_entropy_adds_rates_that_no_run_without_it_has(
    folder: Path, level_tokenizer: AudioTokenizer, capsys: pytest.CaptureFixture[str]
) -> None:
    found_at, prior_at = folder.parent / "found.json", folder.parent / "prior"
    prior = FramePrior(FrameNetworkConfig(2, 2, 2), stamp_of(level_tokenizer))
    save_frame_prior(prior, prior_at)
    command = ["evaluate", str(folder), "--workers", "0", "--metrics", "mel_db", "--json", str(found_at)]
    assert main(command) == 0
    assert "adaptive" not in capsys.readouterr().out
    assert main([*command, "--entropy"]) == 0
    printed = capsys.readouterr().out
    (row,) = json.loads(found_at.read_text())["rows"]
    assert f"{row['rates']['adaptive']:.2f}" in printed
    assert "nominal, entropy, adaptive, file: kbit/s" in printed
    assert row["rates"]["prior"] is None
    assert 0.5 * row["rates"]["nominal"] < row["rates"]["adaptive"] < row["rates"]["nominal"]
    assert main([*command, "--prior", str(prior_at)]) == 0
    (row,) = json.loads(found_at.read_text())["rows"]
    assert row["rates"]["adaptive"] is not None
    assert row["rates"]["prior"] > 0.9 * row["rates"]["nominal"]
    assert "adaptive, prior, file: kbit/s" in capsys.readouterr().out


def test_a_prior_that_is_none_is_answered_in_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(folder), "--workers", "0", "--prior", str(folder)]) == 1
    assert "recipes/train_frames.py trains one" in capsys.readouterr().err
