"""`vqaudio train` from outside: recipes by name and by path, any folder of recordings, and what a run leaves."""

import json
import os
import shutil
import signal
import sys
from threading import Timer
from types import SimpleNamespace

import pytest
import torch
import yaml

from vqaudio.cli.main import main
from vqaudio.cli.models.train import SCRIPTS, find_recipe, names, recipes_folder
from vqaudio.codec.saving import open_codec
from vqaudio.core.overlays import load_mapping

SMALL = [
    "device=cpu", "batch_size=2", "log_every=1", "eval_every=2", "save_every=2", "optimizer.warmup_steps=1",
    "data.crop_samples=6400", "data.num_eval_crops=1", "data.num_workers=1", "codec.encoder.widths=[8, 8]",
    "codec.quantizer.codebook_size=8", "codec.decoder.width=8", "codec.decoder.hidden=8",
]  # fmt: skip


SLEEP = "import time; time.sleep(30)"


def logged(out):
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def recordings(samples_dir, tmp_path_factory):
    """A folder of three recordings and no metadata.csv."""
    folder = tmp_path_factory.mktemp("recordings")
    for path in sorted(samples_dir.rglob("*.flac"))[:3]:
        shutil.copy(path, folder)
    return folder


@pytest.fixture(scope="module")
def run(recordings, tmp_path_factory):
    """A folder with a run of four steps, where a program lies that must not run."""
    home = tmp_path_factory.mktemp("home")
    for name in ("run", "yaml", "torch"):
        (home / f"{name}.py").write_text("open('executed', 'w').close()\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        assert main(["train", "tiny", f"data.root={recordings}", "out=mine", "num_steps=4", *SMALL]) == 0
    return home / "mine"


def test_a_recipe_by_name_trains_on_any_folder_and_leaves_a_codec(run):
    assert open_codec(run).codebook_size == 8
    reports = [line for line in logged(run) if line["event"] == "train"]
    assert [line["step"] for line in reports] == [1, 2, 3, 4]
    assert all(line["learning_rate"] > 0 and line["gradient_norm"] > 0 and line["skipped"] == 0 for line in reports)
    assert not (run.parent / "executed").exists()


def test_the_recipe_that_a_run_leaves_makes_the_same_run(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", str(run / "recipe.yaml"), f"out={tmp_path / 'again'}"]) == 0
    first, second = (open_codec(out).state_dict() for out in (run, tmp_path / "again"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    left = yaml.safe_load((run / "recipe.yaml").read_text())
    assert (left["num_steps"], left["data"]["crop_samples"], left["script"]) == (4, 6400, "train_codec")


def test_a_run_goes_on_from_its_checkpoint(run, recordings, tmp_path):
    out = tmp_path / "mine"
    shutil.copytree(run, out)
    assert main(["train", "tiny", f"data.root={recordings}", f"out={out}", "num_steps=5", *SMALL]) == 0
    assert [line["step"] for line in logged(out) if line["event"] == "train"] == [1, 2, 3, 4, 5]


def test_help_after_a_recipe_lists_every_key_of_its_own(capfd):
    assert main(["train", "prior_tiny", "--help"]) == 0
    said = capfd.readouterr().out
    assert "num_steps=60 " in said
    assert "network.context_tokens=128 " in said
    assert main(["train", "--help"]) == 0
    assert "--processes" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "needs a recipe"),
        (["no_such"], "no recipe 'no_such'"),
        (["../tiny"], "no recipe '../tiny'"),
        (["tiny", "--processes", "0"], "--processes must be 1 or more"),
    ],
)
def test_what_cannot_run_is_a_sentence(words, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", *words]) == 1
    assert sentence in capsys.readouterr().err


def test_a_script_that_is_none_is_refused(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("script: ../../evil\n")
    assert main(["train", str(tmp_path / "mine.yaml")]) == 1
    assert "wanted one of train_codec" in capsys.readouterr().err


def test_an_unknown_key_ends_with_the_valid_ones(capfd, tmp_path):
    assert main(["train", "tiny", f"out={tmp_path}", "num_step=3"]) == 1
    assert "did you mean 'num_steps'" in capfd.readouterr().err


def test_every_recipe_that_ships_is_found_and_names_its_script():
    assert {"tiny", "speech_16k", "prior_units", "units_16k_encoder"} <= set(names())
    assert not any(name.startswith("_") for name in names())
    for name in names():
        assert load_mapping(find_recipe(name)).get("script", "train_codec") in SCRIPTS
    assert all((recipes_folder() / f"{script}.py").is_file() for script in SCRIPTS)


@pytest.fixture
def commands(monkeypatch):
    """What would have been started."""
    started = []
    process = SimpleNamespace(wait=lambda: 0, terminate=lambda: None)
    starter = SimpleNamespace(Popen=lambda command: started.append(command) or process)
    monkeypatch.setattr("vqaudio.cli.models.train.subprocess", starter)
    return started


def test_keys_may_stand_after_an_option(commands):
    assert main(["train", "tiny", "seed=1", "--processes", "1", "data.root=x", "out=y"]) == 0
    assert commands[0][-3:] == ["seed=1", "data.root=x", "out=y"]


def test_several_processes_are_started_from_outside_the_current_folder(commands):
    assert main(["train", "tiny", "data.root=x", "--processes", "2"]) == 0
    starts = [place for place, word in enumerate(commands[0]) if word == sys.executable]
    assert [commands[0][place + 1] for place in starts] == ["-I", "-I"]


def test_a_signal_ends_the_run_too(monkeypatch):
    monkeypatch.setattr("vqaudio.jobs.worker_process.isolated_python", lambda code: (sys.executable, "-c", SLEEP))
    before = signal.getsignal(signal.SIGTERM)
    Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert main(["train", "tiny", "data.root=x"]) == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_run_of_another_recipe_leaves_that_of_the_first_in_its_place(run, recordings):
    before = (run / "recipe.yaml").read_text()
    assert main(["train", "tiny", f"data.root={recordings}", f"out={run}", *SMALL, "codec.decoder.width=16"]) == 1
    assert (run / "recipe.yaml").read_text() == before
