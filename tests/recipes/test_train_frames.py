"""recipes/train_frames.py on codes that count upwards, of two codebooks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.prior.corpus import split_rows
from vqaudio.prior.frame_model import FramePrior, frame_bits
from vqaudio.prior.frame_saving import open_frame_prior
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter
from vqaudio.training.checkpoints import load_checkpoint
from vqaudio.training.launch import Launch, launched

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "recipes" / "frames_speech.yaml"
STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 2, 8)
SMALL = [
    "num_steps=4", "batch_size=4", "log_every=1", "eval_every=2", "save_every=2", "device=cpu", "is_half=false",
    "optimizer.warmup_steps=1", "data={validation: 0.3, crop_frames: 20}",
    "network={vector: 8, width: 12, hidden: 8, dropout: 0.1}",
]  # fmt: skip


@pytest.fixture(scope="module")
def frames_recipe(script):
    return script("train_frames.py")


@pytest.fixture(scope="module")
def tokens(tmp_path_factory) -> Path:
    """40 documents of 10 speakers: the first codebook counts upwards, the second one follows from it."""
    folder, generator = tmp_path_factory.mktemp("store") / "tokens", np.random.default_rng(0)
    with TokenWriter(folder, STAMP) as writer:
        for number in range(40):
            first = (1 + (generator.random(50) < 0.1)).cumsum() % 8
            codes = np.stack([first, first * 5 % 8]).astype(np.uint16)[:, : 10 if number == 7 else 50]
            frames = codes.shape[1]
            writer.append(TokenRow(f"{number:02}.wav", codes, frames * 320, 16_000, 1.0, f"speaker {number % 10}"))
    return folder


@pytest.fixture
def run(frames_recipe, tokens):
    def call(out: Path, *overrides: str):
        words = [*SMALL, f"data.tokens={tokens}", f"out={out}", *overrides]
        config = load_config(RECIPE, frames_recipe.RecipeConfig, words)
        with launched("cpu") as launch:
            return frames_recipe.train(config, launch)

    return call


def test_it_learns_both_books_and_what_it_reports_is_what_the_saved_prior_pays(run, tokens, tmp_path) -> None:
    run(tmp_path, "num_steps=60", "eval_every=30", "optimizer.learning_rate=3e-2")
    told = json.loads((tmp_path / "held_out.json").read_text())
    assert (told["1"]["nominal"], told["2"]["nominal"]) == (150, 300)
    assert told["1"]["bits_per_second"] < 80  # of 150; what is drawn is worth 23
    assert told["2"]["bits_per_second"] - told["1"]["bits_per_second"] < 60
    _, held_out = split_rows(TokenStore.open(tokens), validation=0.3)
    seconds = sum(row.codes.shape[1] for row in held_out) / 50
    for k in (1, 2):
        bits = frame_bits(open_frame_prior(tmp_path / "prior"), [row.codes[:k] for row in held_out])
        assert sum(one.sum() for one in bits) / seconds == pytest.approx(told[str(k)]["bits_per_second"], rel=1e-5)


def test_a_resumed_run_ends_bit_for_bit_like_one_that_was_not_stopped(
    run, frames_recipe, tmp_path, monkeypatch
) -> None:
    run(tmp_path / "whole")
    step = frames_recipe.FrameTraining.train_step
    with monkeypatch.context() as patch:

        def stopped(self, codes):
            if self.step == 3:
                raise KeyboardInterrupt
            return step(self, codes)

        patch.setattr(frames_recipe.FrameTraining, "train_step", stopped)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "cut")
    torch.manual_seed(99)  # whatever happened in between
    run(tmp_path / "cut")
    whole, cut = (load_checkpoint(tmp_path / name / "checkpoint.safetensors")[0] for name in ("whole", "cut"))
    assert [name for name in whole if not torch.equal(whole[name], cut[name])] == []
    for name in ("prior/model.safetensors", "held_out.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    with pytest.raises(VqaudioError, match="another network"):
        run(tmp_path / "cut", "network.width=14")
    with pytest.raises(VqaudioError, match=r"data\.tokens=TOKENS"):
        run(tmp_path / "other", "data.tokens=''")


def test_crops_depend_on_the_step_alone_and_are_pieces_of_recordings(frames_recipe, tokens) -> None:
    rows, _ = split_rows(TokenStore.open(tokens), validation=0.3)
    config = load_config(RECIPE, frames_recipe.RecipeConfig, [*SMALL, "batch_size=6"])
    whole = [frames_recipe.draw_crops(rows, config, step, Launch(torch.device("cpu"))) for step in range(12)]
    assert {crops.shape[1] for crops in whole} == {1, 2}
    for step, crops in enumerate(whole):
        launch = Launch(torch.device("cpu"))
        parts = [frames_recipe.draw_crops(rows, config, step, replace(launch, rank=r, world_size=2)) for r in (0, 1)]
        np.testing.assert_array_equal(np.stack(parts, axis=1).reshape(crops.shape), crops)
        for crop in crops:
            piece = crop[:, crop[0] >= 0]
            assert (crop[:, piece.shape[1] :] == frames_recipe.ABSENT).all()
            windows = (row.codes[: len(piece), start : start + piece.shape[1]] for row in rows for start in range(41))
            assert any(np.array_equal(piece, window) for window in windows)


def test_what_stands_after_an_end_teaches_nothing(frames_recipe, tokens) -> None:
    config = load_config(RECIPE, frames_recipe.RecipeConfig, [*SMALL, "network.dropout=0"])
    codes = torch.from_numpy(np.random.default_rng(0).integers(8, size=(4, 2, 10)))
    padded = torch.cat([codes, torch.full((4, 2, 5), frames_recipe.ABSENT)], dim=-1)
    with launched("cpu") as launch:
        losses = [frames_recipe.FrameTraining(config, STAMP, launch).train_step(one) for one in (codes, padded)]
    torch.testing.assert_close(losses[0], losses[1])


def test_the_recipe_is_a_short_overlay_whose_prior_is_small(frames_recipe) -> None:
    text = RECIPE.read_text()
    assert "#   python recipes/train_frames.py recipes/frames_speech.yaml data.tokens=TOKENS out=runs/" in text
    assert len(text.splitlines()) <= 25
    config = load_config(RECIPE, frames_recipe.RecipeConfig)
    stamp = replace(STAMP, num_codebooks=8, codebook_size=1024)
    assert config.is_half
    assert 2 * FramePrior(config.network, stamp).num_parameters < 1.5e6
