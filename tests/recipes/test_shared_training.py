"""Two processes, or two parts of a batch, train the codec that one process trains with the whole batch.

This file is also the program of the processes.
"""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.distributed import TCPStore

from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.training.checkpoints import load_checkpoint, run_tensors, save_checkpoint
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
SMALL = [
    f"data.root={ROOT / 'data' / 'samples'}", "num_steps=10", "late_from=2", "optimizer.warmup_steps=2",
    "batch_size=4", "device=cpu", "log_every=5", "eval_every=1000", "save_every=1000", "data.crop_samples=3200",
    "data.num_eval_crops=1", "data.num_workers=1", "codec.window_frames=10",
    "codec.encoder={widths: [16, 24], stem_bands: 20}", "codec.latent_width=8",
    "codec.quantizer={num_codebooks: 3, codebook_size: 16}",
    "codec.decoder={width: 16, hidden: 24, phase_iterations: 0}", "losses.reencoding=1",
]  # fmt: skip
LOSSES = {
    "spectrum": [],
    "judged waveform": [
        "discriminators={kind: waveform, period_width: 2, spectrum_width: 2}", "losses.mel=15", "losses.waveform=5",
        "losses.spectrum=0",
    ],
    "judged spectrum": ["discriminators={kind: spectrum, spectrum_width: 2}"],
}  # fmt: skip
# Sums over the batch are rounded in another order.  After ten steps that is 1e-8 to 1e-4 of the way that the weights
# have gone, and whoever learns from half of the batch is off by a tenth of the way and more.
BY_ROUNDING, BY_OTHER_DATA = 1e-3, 3e-2


def load_recipe():
    sys.path.insert(0, str(ROOT / "recipes"))
    spec = importlib.util.spec_from_file_location("train_codec", ROOT / "recipes" / "train_codec.py")
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    sys.modules["train_codec"] = recipe  # dataclasses look their module up
    spec.loader.exec_module(recipe)
    return recipe


def config_of(recipe, folder, *overrides):
    return load_config(ROOT / "recipes" / "tiny.yaml", recipe.RecipeConfig, [*SMALL, f"out={folder}", *overrides])


def trained(launch, folder, *overrides, share=slice(None)):
    """All tensors of a run by this process and those launched with it, each of which learns from its share."""
    recipe = load_recipe()
    step = recipe.CodecTraining.train_step
    recipe.CodecTraining.train_step = lambda self, audio, *rest: step(self, audio[share], *rest)
    return run_tensors(recipe.train(config_of(recipe, folder, *overrides), launch).parts)


def started(launch, *overrides):
    """All tensors of a run before its first step."""
    recipe = load_recipe()
    return run_tensors(recipe.CodecTraining(config_of(recipe, "nowhere", *overrides), launch).parts)


@pytest.fixture(scope="module")
def by_two(tmp_path_factory):
    """The folder in which two processes have left what each ended with, for each of the losses."""
    folder = tmp_path_factory.mktemp("two")
    meeting = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # as torchrun's, at a port of its own
    common = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1"}
    common |= {"MASTER_PORT": str(meeting.port), "TORCHELASTIC_USE_AGENT_STORE": "True"}
    common |= {"TORCHELASTIC_RESTART_COUNT": "0"}
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env=os.environ | common | {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for process in ranks:
            complaint = process.communicate(timeout=240)[1]
            assert process.returncode == 0, complaint[-2000:]
    finally:
        for process in ranks:
            process.kill()
    return folder


def kinds_of_weights(tensors):
    """What a run has learned, by kinds: networks, codebooks, the discriminators, averages."""
    kinds = {"networks": {}, "codebooks": {}, "discriminators": {}, "average": {}}
    for name, value in tensors.items():
        kind = name.split("/")[0].replace("codec", "codebooks" if "codebook." in name else "networks")
        if kind in kinds and value.is_floating_point():
            kinds[kind][name] = value.detach().double().clone()
    return {kind: weights for kind, weights in kinds.items() if weights}


def distance(one, other):
    assert one.keys() == other.keys()
    return sum(float((value - other[name]).square().sum()) for name, value in one.items()) ** 0.5


def strays(start, end, other):
    """How far each kind of weights has come from where another run ended, as a share of the way from the start."""
    start, end, other = (kinds_of_weights(tensors) for tensors in (start, end, other))
    return {kind: distance(other[kind], end[kind]) / distance(start[kind], end[kind]) for kind in end}


def logged_losses(folder):
    """The losses of every report on training, `reports losses`."""
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    others = ("step", "event", "steps_per_s", "waiting", "peak_memory_mb", "skipped")
    return torch.tensor(
        [[value for key, value in line.items() if key not in others] for line in lines if line["event"] == "train"]
    )


@pytest.mark.parametrize("losses", list(LOSSES))
def test_two_processes_end_where_one_ends(by_two, tmp_path, losses):
    """In float32 at the recipe's own rate of 1e-3; and a process that hears its own half alone ends elsewhere."""
    more, together = LOSSES[losses], by_two / losses
    first, second = (load_checkpoint(together / f"rank{rank}.safetensors")[0] for rank in range(2))
    for kind, weights in kinds_of_weights(first).items():
        assert distance(weights, kinds_of_weights(second)[kind]) == 0, kind
    with launched("cpu") as launch:
        start = started(launch, *more)
        one = trained(launch, tmp_path / "one", *more)
        alone = trained(launch, tmp_path / "alone", *more, share=slice(2))
    assert max(strays(start, one, first).values()) < BY_ROUNDING
    assert min(strays(start, one, alone).values()) > BY_OTHER_DATA
    wanted = logged_losses(tmp_path / "one")
    torch.testing.assert_close(logged_losses(together), wanted, rtol=BY_ROUNDING, atol=0)
    assert (logged_losses(tmp_path / "alone") / wanted - 1).abs().max() > BY_OTHER_DATA


def test_a_batch_in_two_parts_trains_like_the_whole(tmp_path):
    """From the second step on: the codebooks start from the first part that they see."""
    recipe = load_recipe()
    # Re-encoding divides by the variance of the latents of its part, so it is left out.
    common = ["losses.reencoding=0", "codec.quantizer.dead_code_threshold=0.5"]
    with launched("cpu") as launch:
        first = recipe.CodecTraining(config_of(recipe, tmp_path, *common), launch)
        dataset = recipe.open_crops(first.config.data, 16_000, seed=first.config.seed)
        first.train_step(torch.from_numpy(dataset.batch(0, 4)["audio"]), None)
        first.save(tmp_path / "c.safetensors")

        def go_on(accumulation, share=slice(None)):
            training = recipe.CodecTraining(
                config_of(recipe, tmp_path, *common, f"accumulation={accumulation}"), launch
            )
            training.restore(tmp_path / "c.safetensors")
            for step in range(1, 8):
                training.train_step(torch.from_numpy(dataset.batch(step, 4)["audio"])[share], None)
            return run_tensors(training.parts)

        whole, parts, one_part = go_on(1), go_on(2), go_on(1, slice(2))
    start = run_tensors(first.parts)
    assert max(strays(start, whole, parts).values()) < BY_ROUNDING
    assert min(strays(start, whole, one_part).values()) > BY_OTHER_DATA


def test_a_batch_that_does_not_divide_into_the_parts_is_refused(tmp_path):
    recipe = load_recipe()
    with launched("cpu") as launch:
        training = recipe.CodecTraining(config_of(recipe, tmp_path, "accumulation=3"), launch)
        with pytest.raises(VqaudioError, match="accumulation=3"):
            training.train_step(torch.zeros(4, 1, 3_200), None)


if __name__ == "__main__":
    with launched("cpu") as both:
        for kind, overrides in LOSSES.items():
            ends = trained(both, Path(sys.argv[1]) / kind, *overrides)
            save_checkpoint(Path(sys.argv[1]) / kind / f"rank{both.rank}.safetensors", ends, {})
