"""Two processes, or two parts of a batch, train the codec that one process trains with the whole batch.

This file is also the program of the processes.
"""

import importlib.util
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vqaudio.core.config import load_config
from vqaudio.core.errors import VqaudioError
from vqaudio.training.checkpoints import load_checkpoint, run_tensors, save_checkpoint
from vqaudio.training.launch import launched

ROOT = Path(__file__).resolve().parents[2]
NUM_STEPS = 50
SMALL = [
    f"data.root={ROOT / 'data' / 'samples'}", f"num_steps={NUM_STEPS}", "batch_size=4", "device=cpu",
    "log_every=5", "eval_every=1000", "save_every=1000", "data.crop_samples=3200", "data.num_eval_crops=1",
    "data.num_workers=1", "codec.window_frames=10", "codec.encoder={widths: [16, 24], stem_bands: 20}",
    "codec.latent_width=8", "codec.quantizer={num_codebooks: 3, codebook_size: 16}",
    "codec.decoder={width: 16, hidden: 24, phase_iterations: 0}", "losses.reencoding=1",
]  # fmt: skip
FEW = [f"num_steps={NUM_STEPS // 5}", "late_from=2", "optimizer.warmup_steps=2"]
LOSSES = {
    "spectrum": [],
    "judged waveform": [
        *FEW, "discriminators={kind: waveform, period_width: 2, spectrum_width: 2}", "losses.mel=15",
        "losses.waveform=5", "losses.spectrum=0",
    ],
    "judged spectrum": [*FEW, "discriminators={kind: spectrum, spectrum_width: 2}"],
}  # fmt: skip


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


def trained(folder, *overrides):
    """All tensors of a run, trained by this process and those launched with it."""
    recipe = load_recipe()
    with launched("cpu") as launch:
        training = recipe.train(config_of(recipe, folder, *overrides), launch)
        save_checkpoint(folder / f"rank{launch.rank}.safetensors", run_tensors(training.parts), {})
    return load_checkpoint(folder / f"rank{launch.rank}.safetensors")[0]


def by_two_processes(folder, *overrides):
    """The tensors that each of two processes ends with."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    command = [sys.executable, __file__, str(folder), *overrides]
    ranks = [
        subprocess.Popen(
            command,
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
    return [load_checkpoint(folder / f"rank{rank}.safetensors")[0] for rank in range(2)]


def weights(tensors):
    """What a codec is made of, codebooks included, and the discriminators' weights; averages too."""
    kinds = ("codec/", "discriminators/", "average/")
    return {name: value.double() for name, value in tensors.items() if name.startswith(kinds)}


def logged_losses(folder):
    """The losses of every report on training, `reports losses`."""
    lines = map(json.loads, (folder / "log.jsonl").read_text().splitlines())
    others = ("step", "event", "steps_per_s", "waiting", "peak_memory_mb", "skipped")
    return torch.tensor(
        [[value for key, value in line.items() if key not in others] for line in lines if line["event"] == "train"]
    )


def largest_difference(one, other):
    assert one.keys() == other.keys()
    return max(float((value - other[name]).abs().max()) for name, value in one.items())


@pytest.mark.parametrize("losses", list(LOSSES))
def test_two_processes_end_where_one_ends(tmp_path, losses):
    """In float32 at the recipe's own rate of 1e-3.

    Sums over the batch are rounded in another order, so the two drift apart slowly: by 1e-6 in the 50 steps here and
    the 10 with discriminators, while the weights move by 1e-2.  Sooner or later a vector that lies between two codes
    will take the other one, and then the runs are as close as two runs, not as two sums.
    """
    one = weights(trained(tmp_path / "one", *LOSSES[losses]))
    first, second = by_two_processes(tmp_path / "two", *LOSSES[losses])
    assert [name for name in weights(first) if not torch.equal(first[name], second[name])] == []
    assert largest_difference(one, weights(first)) < 1e-5
    torch.testing.assert_close(logged_losses(tmp_path / "two"), logged_losses(tmp_path / "one"), rtol=1e-4, atol=1e-5)


def test_a_batch_in_two_parts_trains_like_the_whole(tmp_path):
    """From the second step on: the codebooks start from the first part that they see."""
    recipe, ends = load_recipe(), []
    # Re-encoding divides by the variance of the latents of its part, so it is left out.
    common = ["losses.reencoding=0", "codec.quantizer.dead_code_threshold=0.5"]
    with launched("cpu") as launch:
        first = recipe.CodecTraining(config_of(recipe, tmp_path, *common), launch)
        dataset = recipe.open_crops(first.config.data, 16_000, seed=first.config.seed)
        first.train_step(torch.from_numpy(dataset.batch(0, 4)["audio"]), None)
        first.save(tmp_path / "c.safetensors")
        for accumulation in (1, 2):
            config = config_of(recipe, tmp_path, *common, f"accumulation={accumulation}")
            training = recipe.CodecTraining(config, launch)
            training.restore(tmp_path / "c.safetensors")
            for step in range(1, 8):
                training.train_step(torch.from_numpy(dataset.batch(step, 4)["audio"]), None)
            ends.append(weights(run_tensors(training.parts)))
    assert largest_difference(weights(run_tensors(first.parts)), ends[0]) > 1e-3
    assert largest_difference(*ends) < 1e-5


def test_a_batch_that_does_not_divide_into_the_parts_is_refused(tmp_path):
    recipe = load_recipe()
    with launched("cpu") as launch:
        training = recipe.CodecTraining(config_of(recipe, tmp_path, "accumulation=3"), launch)
        with pytest.raises(VqaudioError, match="accumulation=3"):
            training.train_step(torch.zeros(4, 1, 3_200), None)


if __name__ == "__main__":
    trained(Path(sys.argv[1]), *sys.argv[2:])
