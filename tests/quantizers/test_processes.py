"""Two processes that share a batch end where one process with the whole batch ends."""

import json
import os
import subprocess
import sys

import pytest
import torch
import torch.distributed as dist
from torch.testing import assert_close

from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.finite_scalar import FiniteScalarQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.kernels import step as compiled_step
from vqaudio.quantizers.residual import ResidualQuantizer

WIDTH, NUM_STEPS = 4, 6
MAKERS = {
    "ema": lambda: EmaQuantizer(WIDTH, 16, decay=0.5, dead_code_threshold=0.5, kmeans_iterations=3),
    "ema compiled": lambda: EmaQuantizer(WIDTH, 16, decay=0.5, dead_code_threshold=0.5, kmeans_iterations=3),
    "normalised": lambda: EmaQuantizer(WIDTH, 16, projection_width=3, l2_normalized=True, kmeans_iterations=3),
    "residual": lambda: ResidualQuantizer([EmaQuantizer(WIDTH, 16, decay=0.5, kmeans_iterations=3) for _ in range(2)]),
    "dropping": lambda: ResidualQuantizer([GradientQuantizer(WIDTH, 16) for _ in range(3)], dropout=0.7),
    "gradient": lambda: GradientQuantizer(WIDTH, 16),
    "finite scalar": lambda: FiniteScalarQuantizer(WIDTH, [4, 4, 3, 2]),
}


def train(name, rank, num_ranks):
    """Training on this rank's share of the same global batches; what has to be the same however it is shared."""
    compiled_step.MIN_PRODUCTS = 0 if "compiled" in name else 2**60
    torch.manual_seed(1)
    quantizer = MAKERS[name]().train()
    torch.manual_seed(10 + rank)  # random choices are rank 0's, whatever the others would draw
    data = torch.Generator().manual_seed(2)
    commitments = []
    for number in range(NUM_STEPS):
        vectors = torch.randn(4, 100, WIDTH, generator=data)
        # The ranks hold different numbers of real frames, in one step rank 1 holds none.
        mask = torch.arange(100) < torch.tensor([100, 60, 30, 90]).unsqueeze(1)
        mask[2:] &= number != 2
        share = slice(rank * 4 // num_ranks, (rank + 1) * 4 // num_ranks)
        commitment = quantizer(vectors[share], mask[share]).commitment
        if commitment.requires_grad:
            commitment.backward()
        commitments.append(commitment.detach())
    gradients = [p.grad for p in quantizer.parameters() if p.grad is not None]
    return {
        "mean over ranks": [value.tolist() for value in (torch.stack(commitments), *gradients)],
        "same on every rank": [value.tolist() for value in (*quantizer.buffers(), *quantizer.state_dict().values())],
        "statistics": [usage.num_frames for usage in quantizer.statistics()],
    }


@pytest.fixture(scope="module")
def of_two(project_root, tmp_path_factory):
    """What two processes ended with, by quantizer, rank by rank. This file is also their program."""
    meeting = f"file://{tmp_path_factory.mktemp('meeting')}/place"
    environment = {**os.environ, "PYTHONPATH": str(project_root), "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, __file__, meeting, str(rank)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    try:
        by_rank = [json.loads(process.communicate(timeout=300)[0]) for process in ranks]
    finally:
        for process in ranks:
            process.kill()
    return {name: [results[name] for results in by_rank] for name in MAKERS}


def tensors(results, key):
    return [torch.tensor(value) for value in results[key]]


@pytest.mark.parametrize("name", list(MAKERS))
def test_two_processes_end_where_one_ends(of_two, name, monkeypatch):
    monkeypatch.setattr(compiled_step, "MIN_PRODUCTS", compiled_step.MIN_PRODUCTS)  # `train` changes it
    one, (first, second) = train(name, 0, 1), of_two[name]
    assert first["statistics"] == second["statistics"] == one["statistics"]
    assert second["same on every rank"] == first["same on every rank"]
    assert_close(tensors(first, "same on every rank"), tensors(one, "same on every rank"), atol=1e-4, rtol=1e-4)
    for whole, *parts in zip(*(tensors(result, "mean over ranks") for result in (one, first, second)), strict=True):
        assert_close(torch.stack(parts).mean(dim=0), whole, atol=1e-5, rtol=1e-4)


if __name__ == "__main__":
    own_rank = int(sys.argv[2])
    dist.init_process_group("gloo", init_method=sys.argv[1], rank=own_rank, world_size=2)
    print(json.dumps({name: train(name, own_rank, 2) for name in MAKERS}))
    dist.destroy_process_group()
