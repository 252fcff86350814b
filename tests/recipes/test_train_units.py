"""The recipe of the units encoder end to end: it learns, resumes bit for bit, and hands its encoder on."""

import json
from pathlib import Path

import pytest
import torch

from vqaudio.codec.saving import open_codec
from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.training.checkpoints import load_checkpoint
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = f"data.root={ROOT / 'data' / 'samples'}"
SMALL = [
    SAMPLES, "num_steps=4", "batch_size=4", "device=cpu", "log_every=1", "save_every=2", "optimizer.warmup_steps=1",
    "num_discovery_crops=4", "num_pause_codes=2",
    "num_codebook_steps=3", "data.crop_samples=16000", "data.num_workers=1",
    "codec.encoder.widths=[16, 24]", "codec.latent_width=8", "codec.window_frames=20",
    "codec.decoder={width: 16, hidden: 24, phase_iterations: 0}", "codec.quantizer.codebook_size=16",
]  # fmt: skip
CLEAN = "corruption={noise_share: 0, channel: 0, warp: 0, gap_share: 0}"


@pytest.fixture(scope="module")
def units(script):
    return script("train_units.py")


def run(units, out, *overrides, recipe="units_16k_encoder.yaml"):
    yaml = ROOT / "recipes" / recipe
    config = load_config(yaml, units.UnitsConfig, [*SMALL, f"out={out}", *overrides])
    with launched("cpu") as launch:
        return units.train(config, launch)


def test_the_encoder_learns_to_tell_clusters(units, tmp_path):
    longer = [
        "num_steps=60",
        "log_every=1",
        "save_every=60",
        "optimizer.learning_rate=1e-2",
        "codec.quantizer.codebook_size=8",
    ]
    run(units, tmp_path, CLEAN, *longer, "data.bucket_samples=null")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    nats = [line["cross_entropy"] for line in lines if line["event"] == "train"]
    assert sum(nats[-10:]) / 10 < 0.9 * sum(nats[:3]) / 3


def test_a_run_that_was_stopped_continues_bit_for_bit(units, tmp_path):
    run(units, tmp_path / "whole")
    first, _ = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors")
    training = units.UnitsTraining(
        load_config(ROOT / "recipes" / "units_16k_encoder.yaml", units.UnitsConfig, SMALL), launched_on_cpu(units)
    )  # the run that stops after its second step
    dataset = units.open_crops(training.config.data, 16_000, seed=0)
    training.discover(dataset)
    for step in range(2):
        batch = dataset.batch(step, 4)
        audio, _, lengths = units.on_device(batch, torch.device("cpu"), None)
        training.train_step(audio, torch.from_numpy(batch["clean"]), lengths)
    training.save(tmp_path / "parts" / "checkpoint.safetensors")
    run(units, tmp_path / "parts")
    second, facts = load_checkpoint(tmp_path / "parts" / "checkpoint.safetensors")
    assert facts["step"] == 4
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    sums = [open_codec(tmp_path / one / "codec").weights_sha256 for one in ("whole", "parts")]
    assert sums[0] == sums[1]


def test_the_codec_that_is_left_tokenizes_with_a_codebook_that_knows_its_latents(units, tmp_path):
    run(units, tmp_path, "num_codebook_steps=30")
    codec = open_codec(tmp_path / "codec")
    audio = torch.from_numpy(units.open_crops(data_of(units), 16_000, seed=1).batch(0, 4)["audio"])
    latents = codec.encoder(audio).vectors
    error = (codec.decode_latents(codec.encode(audio)) - latents).square().mean() / latents.var()
    assert float(error) < 0.6  # 16 codes; codes that never moved: 1 and more
    assert len(codec.encode(audio).unique()) > 8


def data_of(units):
    return load_config(ROOT / "recipes" / "units_16k_encoder.yaml", units.UnitsConfig, SMALL).data


def launched_on_cpu(units):
    return units.Launch(torch.device("cpu"))


def test_the_codec_recipe_starts_from_the_encoder_and_leaves_it_as_it_is(units, recipe, tmp_path):
    run(units, tmp_path / "encoder")
    started = open_codec(tmp_path / "encoder" / "codec")
    heard, book = (started.get_submodule(part).state_dict() for part in ("encoder", "quantizer"))
    same = [one for one in SMALL if one.startswith(("codec.", "data.", "device"))]
    rest = ["num_steps=2", "batch_size=4", "optimizer.warmup_steps=1", "data.num_eval_crops=2", f"out={tmp_path}/codec"]
    start = [f"{key}={tmp_path}/encoder/codec" for key in ("start_from", "decoder_from")]
    config = load_config(ROOT / "recipes" / "units_16k.yaml", recipe.RecipeConfig, [*same, *rest, *start])
    with launched("cpu") as launch:
        training = recipe.CodecTraining(config, launch)
        decoder = [value.clone() for value in training.codec.decoder.parameters()]
        training = recipe.train(config, launch)
    after = training.codec.encoder.state_dict()
    assert all(torch.equal(after[name], heard[name]) for name in heard)
    after = training.codec.get_submodule("quantizer").state_dict()
    assert all(torch.equal(after[name], book[name]) for name in book)
    assert any(not torch.equal(a, b) for a, b in zip(decoder, training.codec.decoder.parameters(), strict=True))


def test_a_second_run_goes_on_from_the_encoder_of_the_first_and_looks_through_it(units, tmp_path):
    run(units, tmp_path / "first")
    first = open_codec(tmp_path / "first" / "codec")
    run(units, tmp_path / "second", f"start_from={tmp_path}/first/codec", "num_steps=0")
    second = open_codec(tmp_path / "second" / "codec")
    before, after = first.encoder.state_dict(), second.encoder.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)
    tensors, _ = load_checkpoint(tmp_path / "second" / "checkpoint.safetensors")
    assert len(tensors["clusters/mean"]) == first.config.latent_width


@pytest.fixture(scope="module")
def first_codec(units, tmp_path_factory):
    folder = tmp_path_factory.mktemp("first")
    run(units, folder, "num_codebook_steps=30")
    return folder / "codec"


def test_a_codec_teaches_its_successor_what_clean_speech_is(units, first_codec, tmp_path):
    taught = [f"start_from={first_codec}", "teacher={penalty: 0, warps: [1]}", CLEAN]
    training = run(units, tmp_path, *taught, "num_steps=0", "num_codebook_steps=1", recipe="units_16k_taught.yaml")
    batch = units.open_crops(training.config.data, 16_000, seed=0).batch(0, 4)
    audio, _, lengths = units.on_device(batch, torch.device("cpu"), None)
    teacher = open_codec(first_codec)
    wanted = training.classes(training.heard(audio), lengths)
    stem = teacher.encoder.stem
    assert stem is not None
    codes = teacher.quantizer.encode(teacher.encoder.vectors_of(stem(audio).features).mT)[..., 0]
    num_frames = wanted.shape[1]
    assert torch.equal(wanted[wanted >= 0], codes[:, :num_frames][wanted >= 0])
    hearing = [
        torch.stack([training.loss(noisy, clean, lengths)["cross_entropy"] for _ in range(5)]).mean()
        for noisy, clean in ((audio, audio), (audio.flip(0), audio), (audio, audio.flip(0)))
    ]
    assert hearing[0] < 0.8 * min(hearing[1:])


def test_classes_that_nothing_gives_are_refused(units):
    for overrides in (["classes=codes"], ["classes=phones"]):
        config = load_config(
            ROOT / "recipes" / "units_16k_encoder.yaml", units.UnitsConfig, [*SMALL, "start_from=''", *overrides]
        )
        with pytest.raises(VqaudioError, match="classes must be one of clusters, codes"):
            units.UnitsTraining(config, launched_on_cpu(units))


def test_only_an_encoder_of_the_same_shape_goes_on(units, tmp_path):
    run(units, tmp_path / "first")
    with pytest.raises(VqaudioError, match=r"encoder of another shape than codec\.encoder"):
        run(units, tmp_path / "second", f"start_from={tmp_path}/first/codec", "codec.encoder.lookahead_frames=2")


def test_codes_are_the_means_of_the_latents_of_their_classes(units, tmp_path):
    training = run(units, tmp_path, "data.bucket_samples=null", "data.crop_samples=32000", "num_codebook_steps=1")
    dataset = units.open_crops(training.config.data, 16_000, seed=0)
    audio, _, lengths = units.on_device(dataset.batch(0, 4), torch.device("cpu"), None)
    with torch.no_grad(), training.average.applied(training.hearing):
        heard = training.heard(audio)
        wanted = training.classes(heard, lengths)
        latents = training.encoder.vectors_of(heard.features).transpose(1, 2)[wanted >= 0]
    wanted = wanted[wanted >= 0]
    codes = training.quantizer.codebook.vectors
    for one in wanted[wanted < 14].unique():
        torch.testing.assert_close(codes[one], latents[wanted == one].mean(dim=0), rtol=1e-3, atol=1e-2)
    pauses = latents[wanted == 14]
    near = torch.cdist(pauses, codes[14:]).argmin(dim=1)
    assert set(near.tolist()) == {0, 1}
    torch.testing.assert_close(codes[14], pauses[near == 0].mean(dim=0), rtol=1e-2, atol=1e-2)


def test_pauses_that_are_too_few_for_their_codes_are_refused_before_the_training(units, tmp_path):
    few = ["num_steps=0", "num_codebook_steps=1", "batch_size=1", "num_discovery_crops=1"]
    with pytest.raises(VqaudioError, match=r"too few for num_pause_codes=100; set it to 1"):
        run(units, tmp_path, *few, "num_pause_codes=100", "codec.quantizer.codebook_size=108")
    training = run(units, tmp_path, *few, "num_pause_codes=1")
    assert training.pause == 15


def test_codes_that_follow_gradients_cannot_be_taught(units):
    overrides = [*SMALL, "codec.quantizer.kind=gradient"]
    config = load_config(ROOT / "recipes" / "units_16k_encoder.yaml", units.UnitsConfig, overrides)
    with pytest.raises(VqaudioError, match=r"by EMA, got codec\.quantizer\.kind=gradient"):
        units.UnitsTraining(config, launched_on_cpu(units))


def test_an_encoder_without_a_stem_is_refused(units):
    overrides = [*SMALL, "codec.encoder.stem_window=0"]
    config = load_config(ROOT / "recipes" / "units_16k_encoder.yaml", units.UnitsConfig, overrides)
    with pytest.raises(VqaudioError, match="stem_window"):
        units.UnitsTraining(config, launched_on_cpu(units))
