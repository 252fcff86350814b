"""Every YAML of recipes/ loads, builds, and takes a step at reduced width on the samples of the repository."""

import dataclasses
from pathlib import Path

import pytest
import torch
import yaml

from vqaudio.codec.build import build_codec
from vqaudio.codec.saving import open_codec
from vqaudio.core.config import load_config
from vqaudio.core.config_keys import config_keys
from vqaudio.core.overlays import load_mapping
from vqaudio.corpora.reading import READERS
from vqaudio.training.batches import on_device, speaker_numbers
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
# A part of others; and test_train_units.py's, test_train_frames.py's.
OTHERS = {"_units_codec.yaml", "units_16k_encoder.yaml", "units_16k_taught.yaml", "frames_speech.yaml"}
RECIPES = sorted(
    path.name
    for path in (ROOT / "recipes").glob("*.yaml")
    if not path.name.startswith("prior_") and path.name not in OTHERS
)
FRAME_RATES_HZ = {"vqvae2017_25hz.yaml": 25}
WITH_ONE_CODEBOOK = {
    "librispeech_single.yaml", "ljspeech_fsq.yaml", "units_16k.yaml", "units_16k_pitch.yaml",
    "vctk_speakers.yaml", "vqvae2017_25hz.yaml",
    "vqvae2017_50hz.yaml",
}  # fmt: skip
SMALL = [
    f"data.root={ROOT / 'data' / 'samples'}", "data.kind=manifest", "data.split_option=split", "data.split=train",
    "data.crop_samples=6400", "data.is_cached=true", "data.num_workers=1", "batch_size=2", "device=cpu", "late_from=0",
    "num_steps=2", "optimizer.warmup_steps=1", "start_from=''", "decoder_from=''",
    "discriminators.period_width=2", "discriminators.spectrum_width=2",
    "codec.latent_width=8", "codec.window_frames=10", "codec.speaker_width=4", "codec.quantizer.codebook_size=8",
    "codec.decoder.width=8", "codec.decoder.hidden=8",
]  # fmt: skip


def load(recipe, name, *overrides):
    return load_config(ROOT / "recipes" / name, recipe.RecipeConfig, overrides)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_steps_and_leaves_a_codec_that_keeps_lengths(recipe, tmp_path, name):
    config = load(recipe, name, *SMALL)
    encoder = dataclasses.replace(config.codec.encoder, widths=(8,) * len(config.codec.encoder.strides))
    config = dataclasses.replace(config, codec=dataclasses.replace(config.codec, encoder=encoder))
    with launched("cpu") as launch:
        training = recipe.CodecTraining(config, launch)
        learning = [value for value in training.codec.parameters() if value.requires_grad]
        before = [value.clone() for value in learning]
        dataset = recipe.open_crops(config.data, 16_000, seed=config.seed)
        batch, numbers = (
            dataset.batch(0, config.batch_size),
            speaker_numbers(config.codec.num_speakers, dataset.speakers, dataset.speakers),
        )
        losses = training.train_step(*on_device(batch, launch.device, numbers))
    assert all(value.isfinite() for value in losses.values())
    assert (config.discriminators.kind != "none") == ("discriminator" in losses)
    assert training.num_skipped == 0
    moved = [not torch.equal(a, b) for a, b in zip(before, learning, strict=True)]
    assert sum(moved) > 0.8 * len(moved)
    training.save_codec(tmp_path)
    codec, speakers = open_codec(tmp_path), torch.zeros(1, dtype=torch.int64) if config.codec.num_speakers else None
    assert codec.decode(codec.encode(torch.randn(1, 1, 7_001)), 7_001, speakers).shape == (1, 1, 7_001)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_builds_at_full_width_with_a_reader_that_has_its_splits(recipe, name):
    config = load(recipe, name)
    codec = build_codec(config.codec)
    assert codec.grid.sample_rate_hz / codec.grid.hop_samples == FRAME_RATES_HZ.get(name, 50)
    assert (codec.num_codebooks == 1) == (name in WITH_ONE_CODEBOOK)
    assert (codec.encoder.level is None) == (name in WITH_ONE_CODEBOOK)  # one codebook has no place for the level
    if config.data.split is not None:
        assert (
            config.data.split_option
            in READERS["manifest" if config.data.kind == "auto" else config.data.kind].__code__.co_varnames
        )


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_a_short_overlay_whose_header_holds_its_command(name):
    text = (ROOT / "recipes" / name).read_text()
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert any(f"recipes/train_codec.py recipes/{name} " in line and " out=runs/" in line for line in header)
    assert len(text.splitlines()) <= 25
    assert name == "speech_16k.yaml" or "base" in yaml.safe_load(text)


@pytest.mark.parametrize(
    "name", ["tiny", "vqvae2017_25hz", "ljspeech_fsq", "prior_tiny", "units_16k_taught", "frames_speech"]
)
def test_every_key_of_a_recipe_says_what_it_means(script, name):
    path = ROOT / "recipes" / f"{name}.yaml"
    module = script(f"{load_mapping(path).get('script', 'train_codec')}.py")
    config_class = module.UnitsConfig if name.startswith("units") else module.RecipeConfig
    silent = [key.name for key in config_keys(load_config(path, config_class)) if not key.note]
    assert silent == []


def test_a_script_refuses_the_recipe_of_another(script, monkeypatch, capsys):
    run = script("run.py")
    module = script("train_codec.py")
    monkeypatch.setattr("sys.argv", ["train_codec.py", str(ROOT / "recipes" / "tiny.yaml"), "script=train_prior"])
    with pytest.raises(SystemExit, match=r"a recipe of train_prior\.py"):
        run.main(None, module.RecipeConfig, None, "train_codec")
