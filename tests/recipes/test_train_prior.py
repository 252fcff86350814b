"""The prior's recipe end to end: it learns, resumes bit for bit, keeps the best, and its YAML files load."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.corpus import read_codes
from vqaudio.prior.model import Prior
from vqaudio.prior.saving import open_prior
from vqaudio.prior.scoring import log2_probabilities
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter
from vqaudio.training.checkpoints import load_checkpoint
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 2, 8)
SMALL = [
    "num_steps=4", "batch_size=4", "log_every=1", "eval_every=2", "save_every=2", "device=cpu", "is_half=false",
    "optimizer.warmup_steps=1", "data.validation=0.3",
    "network={width: 16, num_layers: 1, num_heads: 2, hidden: 24, context_tokens: 32, dropout: 0.1}",
]  # fmt: skip


@pytest.fixture(scope="module")
def prior_recipe(script):
    return script("train_prior.py")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory) -> Path:
    """60 documents of 10 speakers: codes that count upwards, now and then by two."""
    folder, generator = tmp_path_factory.mktemp("store") / "tokens", np.random.default_rng(0)
    with TokenWriter(folder, STAMP) as writer:
        for number in range(60):
            steps = 1 + (generator.random((2, 50)) < 0.1)
            codes = (steps.cumsum(axis=1) % 8).astype(np.uint16)
            writer.append(TokenRow(f"{number:02}.wav", codes, 50 * 320, 16_000, 1.0, f"speaker {number % 10}"))
    return folder


@pytest.fixture
def run(prior_recipe, tokens):
    def call(out: Path, *overrides: str):
        words = [*SMALL, f"data.tokens={tokens}", f"out={out}", *overrides]
        config = load_config(ROOT / "recipes" / "prior_tiny.yaml", prior_recipe.RecipeConfig, words)
        with launched("cpu") as launch:
            return prior_recipe.train(config, launch)

    return call


def lines(out: Path, event: str) -> list[dict]:
    return [line for line in map(json.loads, (out / "log.jsonl").read_text().splitlines()) if line["event"] == event]


def test_a_resumed_run_ends_bit_for_bit_like_one_that_was_not_stopped(prior_recipe, run, tmp_path, monkeypatch):
    more = ["data.noise=0.1", "sequence={num_codebooks: 2, has_speakers: true}", "data.speaker_dropout=0.5"]
    run(tmp_path / "whole", *more)
    step = prior_recipe.PriorTraining.train_step
    with monkeypatch.context() as patch:

        def stopped(self, *batch):
            if self.step == 3:
                raise KeyboardInterrupt
            return step(self, *batch)

        patch.setattr(prior_recipe.PriorTraining, "train_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut", *more)
    torch.manual_seed(99)  # whatever happened in between
    run(tmp_path / "cut", *more)
    (whole, whole_facts), (cut, cut_facts) = (
        load_checkpoint(tmp_path / name / "checkpoint.safetensors") for name in ("whole", "cut")
    )
    assert (cut_facts["step"], cut_facts["best"]) == (4, whole_facts["best"])
    assert whole.keys() == cut.keys()
    assert [name for name in whole if not torch.equal(whole[name], cut[name])] == []
    for name in ("prior/model.safetensors", "held_out.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()


def test_it_learns_and_what_it_reports_is_what_the_saved_prior_pays(run, tokens, tmp_path):
    run(tmp_path, "num_steps=60", "eval_every=30", "optimizer.learning_rate=1e-2", "optimizer.warmup_steps=5")
    told = json.loads((tmp_path / "held_out.json").read_text())
    assert told["trigram"]["bits_per_code"] < told["unigram"]["bits_per_code"] - 1
    assert told["prior"]["bits_per_code"] < told["unigram"]["bits_per_code"] - 1
    corpus = read_codes(TokenStore.open(tokens), SequenceConfig(1), validation=0.3)
    bits = corpus.bits(log2_probabilities(open_prior(tmp_path / "prior"), corpus.held_out))
    assert bits.per_second == pytest.approx(told["prior"]["bits_per_second"], rel=1e-5)
    assert told["prior"]["bits_per_second"] == pytest.approx(50 * told["prior"]["bits_per_code"])


def test_the_best_prior_stays_when_later_ones_are_worse(prior_recipe, run, tmp_path, monkeypatch):
    """The third of five evaluations finds the fewest bits; each tells the truth but for its factor."""
    evaluate, factors, seen = prior_recipe.PriorTraining.evaluate, iter((3.0, 2.0, 0.5, 2.0, 0.75)), []

    def told(self, corpus):
        bits = evaluate(self, corpus)
        seen.append({name: value.clone() for name, value in self.average.tensors.items()})
        return dataclasses.replace(bits, bits=bits.bits * next(factors))

    monkeypatch.setattr(prior_recipe.PriorTraining, "evaluate", told)
    run(tmp_path, "num_steps=10")
    scores = [line["bits_per_second"] for line in lines(tmp_path, "eval")]
    assert scores.index(min(scores)) == 2
    best = json.loads((tmp_path / "held_out.json").read_text())
    assert (best["step"], best["prior"]["bits_per_second"]) == (6, min(scores))
    assert load_checkpoint(tmp_path / "checkpoint.safetensors")[1]["best"] == min(scores)
    saved = open_prior(tmp_path / "prior").state_dict()
    assert all(torch.equal(saved[name], value) for name, value in seen[2].items())
    assert not all(torch.equal(saved[name], value) for name, value in seen[4].items())


def test_a_run_may_go_on_without_dropout(run, tmp_path):
    run(tmp_path)
    run(tmp_path, "num_steps=6", "network.dropout=0")
    assert load_checkpoint(tmp_path / "checkpoint.safetensors")[1]["step"] == 6


def test_a_checkpoint_of_another_network_and_missing_codes_are_refused(run, tmp_path):
    run(tmp_path)
    with pytest.raises(VqaudioError, match="another network"):
        run(tmp_path, "network.width=32")
    with pytest.raises(VqaudioError, match=r"data\.tokens=TOKENS"):
        run(tmp_path / "other", "data.tokens=''")


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "recipes").glob("prior_*.yaml")))
def test_a_recipe_is_a_short_overlay_whose_header_holds_its_command(prior_recipe, tokens, name):
    text = (ROOT / "recipes" / name).read_text()
    assert f"#   python recipes/train_prior.py recipes/{name} data.tokens=TOKENS out=runs/" in text
    assert len(text.splitlines()) <= 25
    config = load_config(ROOT / "recipes" / name, prior_recipe.RecipeConfig)
    language = read_codes(TokenStore.open(tokens), config.sequence, validation=0.3).language
    assert 2 * Prior(config.network, language).num_parameters < 10e6  # bytes as float16
