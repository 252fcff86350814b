"""How the learning rate moves."""

import math

from torch.optim import Optimizer

from vqaudio.core.errors import VqaudioError


def warmup_cosine(step: int, *, num_steps: int, warmup_steps: int, floor: float = 0.02) -> float:
    """The share of the peak rate at a step: a linear rise, then half a cosine down to `floor`.

    Source: SGDR without restarts, arXiv:1608.03983, eq. 5.  Raises VqaudioError for a warm-up as long as the run.

    >>> [round(warmup_cosine(step, num_steps=100, warmup_steps=10, floor=0.0), 3) for step in (0, 9, 10, 55, 100)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    if warmup_steps >= num_steps:
        raise VqaudioError(f"a warm-up of {warmup_steps} steps leaves nothing of {num_steps}; shorten it")
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    progress = min(1.0, (step - warmup_steps) / (num_steps - warmup_steps))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the rate of every group of parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
