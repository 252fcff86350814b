"""The codec recipe end to end: it learns, resumes bit for bit, and two processes train as one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vqaudio.codec.saving import open_codec
from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.training.checkpoints import load_checkpoint
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    "num_steps=4", "batch_size=4", "late_from=1", "log_every=1", "eval_every=4", "save_every=2", "device=cpu",
    "optimizer.warmup_steps=2", "data.crop_samples=6400", "data.num_eval_crops=2", "codec.window_frames=20",
    "codec.encoder.widths=[16, 24]", "codec.quantizer.codebook_size=16", "codec.decoder.width=16",
    "codec.decoder.hidden=24", "codec.decoder.phase_iterations=0",
    f"data.root={ROOT / 'data' / 'samples'}",
]  # fmt: skip


def config_of(recipe, out, *overrides):
    return load_config(ROOT / "recipes" / "tiny.yaml", recipe.RecipeConfig, [*TINY, f"out={out}", *overrides])


def run(recipe, out, *overrides):
    config = config_of(recipe, out, *overrides)
    with launched("cpu") as launch:
        return recipe.train(config, launch)


def lines(out, event):
    return [line for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if line["event"] == event]


@pytest.mark.parametrize("discriminators", ["none", "waveform", "spectrum"])
def test_a_resumed_run_ends_bit_for_bit_like_one_that_was_not_stopped(recipe, tmp_path, discriminators):
    more = [f"discriminators={{kind: {discriminators}, period_width: 2, spectrum_width: 2}}"]
    if discriminators == "waveform":
        more += ["losses.mel=15", "losses.waveform=5"]
    run(recipe, tmp_path / "whole", *more)
    stopping = recipe.CodecTraining.train_step

    def train_step(self, *batch):
        if self.step == 3 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            raise KeyboardInterrupt
        return stopping(self, *batch)

    recipe.CodecTraining.train_step = train_step
    try:
        with pytest.raises(KeyboardInterrupt):
            run(recipe, tmp_path / "cut", *more)
        torch.manual_seed(99)  # whatever happened in between
        run(recipe, tmp_path / "cut", *more)
    finally:
        recipe.CodecTraining.train_step = stopping
    whole, _ = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors")
    cut, facts = load_checkpoint(tmp_path / "cut" / "checkpoint.safetensors")
    assert facts["step"] == 4
    assert whole.keys() == cut.keys()
    assert [name for name in whole if not torch.equal(whole[name], cut[name])] == []
    assert (tmp_path / "whole/codec/config.json").read_text() == (tmp_path / "cut/codec/config.json").read_text()


def test_training_lowers_the_loss_and_leaves_a_codec_that_opens(recipe, tmp_path):
    longer = ["num_steps=30", "late_from=1000", "eval_every=30", "save_every=30", "optimizer.learning_rate=1e-2"]
    run(recipe, tmp_path, *longer)
    losses = [line["spectrum"] for line in lines(tmp_path, "train")]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    codec = open_codec(tmp_path / "codec")
    audio = torch.randn(1, 1, 7_000) * 0.1
    assert codec.decode(codec.encode(audio), 7_000).shape == audio.shape
    assert all(line["peak_memory_mb"] > 0 and 0 <= line["waiting"] <= 1 for line in lines(tmp_path, "train"))
    (health,) = lines(tmp_path, "eval")
    assert len(health["usage"]) == len(health["perplexity"]) == len(health["dead_codes"]) == 4


def test_a_step_with_a_broken_gradient_is_left_out_and_counted(recipe, tmp_path):
    with launched("cpu") as launch:
        training = recipe.CodecTraining(config_of(recipe, tmp_path), launch)
    audio = torch.randn(4, 1, 6_400) * 0.1
    training.train_step(audio, None)
    before = [value.clone() for value in training.codec.parameters()]
    training.codec.decoder.head.project.weight.register_hook(lambda gradient: gradient * float("nan"))
    training.train_step(audio, None)
    assert training.num_skipped == 1
    assert all(torch.equal(a, b) for a, b in zip(before, training.codec.parameters(), strict=True))


def test_discriminators_learn_at_their_ratio_of_the_codecs_rate(recipe, tmp_path):
    with launched("cpu") as launch:
        config = config_of(recipe, tmp_path, "discriminators={kind: spectrum, spectrum_width: 2, rate_ratio: 3}")
        training = recipe.CodecTraining(config, launch)
    training.train_step(torch.randn(4, 1, 6_400) * 0.1, None)
    rate, judges_rate = (learner.optimizer.param_groups[0]["lr"] for learner in training.learners)
    assert judges_rate == pytest.approx(3 * rate)


def test_another_codec_in_the_folder_is_refused(recipe, tmp_path):
    run(recipe, tmp_path, "num_steps=3")
    with pytest.raises(VqaudioError, match="another shape"):
        run(recipe, tmp_path, "codec.quantizer.codebook_size=32")


def test_a_recipe_without_a_corpus_says_so(recipe, tmp_path):
    with pytest.raises(VqaudioError, match=r"data\.root=DIR"):
        run(recipe, tmp_path, "data.root=''")


def test_a_run_that_starts_from_a_codec_has_its_weights_at_step_0(recipe, tmp_path):
    trained = run(recipe, tmp_path / "first", "num_steps=3")
    trained.save_codec(tmp_path / "codec")
    source = open_codec(tmp_path / "codec")
    with launched("cpu") as launch:
        config = config_of(recipe, tmp_path, f"start_from={tmp_path / 'codec'}", "seed=5")
        started = recipe.CodecTraining(config, launch).codec.state_dict()
        half = recipe.CodecTraining(config_of(recipe, tmp_path, f"decoder_from={tmp_path / 'codec'}", "seed=5"), launch)
    assert [name for name, value in source.state_dict().items() if not torch.equal(value, started[name])] == []
    is_taken = {name: torch.equal(value, source.state_dict()[name]) for name, value in half.codec.named_parameters()}
    assert all(is_taken[name] == name.startswith("decoder.") for name in is_taken if name.endswith("weight"))


def test_a_codec_of_which_nothing_fits_cannot_be_started_from(recipe, tmp_path):
    with launched("cpu") as launch:
        recipe.CodecTraining(config_of(recipe, tmp_path), launch).save_codec(tmp_path / "codec")
    others = ["codec.latent_width=8", "codec.encoder={widths: [8, 9], stem_bands: 20}"]
    others += ["codec.quantizer={kind: finite_scalar, num_codebooks: 1}"]
    others += ["codec.decoder={kind: mirror, widths: [4, 4], strides: [20, 16]}"]
    config = config_of(recipe, tmp_path, f"start_from={tmp_path / 'codec'}", *others)
    with launched("cpu") as launch, pytest.raises(VqaudioError, match="no weight"):
        recipe.CodecTraining(config, launch)


def test_what_is_held_out_of_a_corpus_without_splits_is_not_trained_on(recipe, tmp_path):
    config = config_of(recipe, tmp_path, "data.split=null", "data.eval_split=null", "data.held_out_every=5")
    train, held_out = (
        recipe.open_crops(config.data, 16_000, seed=0, is_held_out=held_out) for held_out in (False, True)
    )
    ids = [{one.id for one in dataset.utterances} for dataset in (train, held_out)]
    assert [len(some) for some in ids] == [14, 4]
    assert ids[0].isdisjoint(ids[1])


def test_a_run_with_speakers_writes_who_has_which_number(recipe, tmp_path):
    run(recipe, tmp_path, "num_steps=3", "codec.num_speakers=9")
    dataset = recipe.open_crops(config_of(recipe, tmp_path).data, 16_000, seed=0)
    assert tuple((tmp_path / "speakers.txt").read_text().split()) == dataset.speakers


def test_two_processes_end_with_the_same_codebooks(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += [str(ROOT / "recipes" / "train_codec.py"), str(ROOT / "recipes" / "tiny.yaml"), *TINY]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, f"out={tmp_path}", "num_steps=3"], capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert len(lines(tmp_path, "train")) == 3  # one process writes
    assert open_codec(tmp_path / "codec").num_codebooks == 4
