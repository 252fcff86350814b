"""A network in training: its optimiser, its learning rate, and one step from the gradients of all processes."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from vqaudio.core.errors import VqaudioError
from vqaudio.training.launch import Launch, average_gradients, clip_gradients, share_weights


@dataclass(frozen=True)
class OptimizerConfig:
    """The settings of AdamW, the same for the codec and the discriminators.

    learning_rate: the peak; it rises linearly, then falls along a cosine.  betas: decay of the moments.
    weight_decay: decoupled.  warmup_steps: of the rise.  max_gradient_norm: longer gradients are clipped.
    """

    learning_rate: float = 5e-4
    betas: tuple[float, float] = (0.8, 0.99)
    weight_decay: float = 0.01
    warmup_steps: int = 500
    max_gradient_norm: float = 10.0


class Learner:
    """A network with its optimiser.  One step is `begin`, one or more backward passes, `finish`.

    All processes start with the first one's weights.
    num_skipped: steps that were left out because a gradient was not finite; they would have destroyed the weights.
    gradient_norm: that of the last step before clipping, still on the device.
    """

    def __init__(self, module: nn.Module, settings: OptimizerConfig, *, num_steps: int, launch: Launch) -> None:
        self.module, self.settings, self.num_steps, self.launch = module, settings, num_steps, launch
        self.num_skipped = 0
        self.gradient_norm = torch.zeros(())
        share_weights(module.to(launch.device), launch.world_size)
        self.optimizer = torch.optim.AdamW(
            module.parameters(),
            lr=settings.learning_rate,
            betas=settings.betas,
            weight_decay=settings.weight_decay,
            foreach=True,
        )

    def begin(self, step: int) -> None:
        """Set the learning rate of a step and clear the gradients of the last one."""
        share = warmup_cosine(step, num_steps=self.num_steps, warmup_steps=self.settings.warmup_steps)
        set_learning_rate(self.optimizer, self.settings.learning_rate * share)
        self.optimizer.zero_grad(set_to_none=True)

    @property
    def figures(self) -> dict[str, float]:
        """The learning rate and the norm of the gradient of the last step, and the steps left out so far."""
        rate = float(self.optimizer.param_groups[0]["lr"])
        return {"learning_rate": rate, "gradient_norm": float(self.gradient_norm), "skipped": self.num_skipped}

    def finish(self) -> None:
        """Update the weights: gradients are averaged over the processes, then clipped."""
        average_gradients([self.module], self.launch.world_size)
        self.gradient_norm = clip_gradients(self.module, self.settings.max_gradient_norm)
        if torch.isfinite(self.gradient_norm):
            self.optimizer.step()
        else:
            self.num_skipped += 1


def warmup_cosine(step: int, *, num_steps: int, warmup_steps: int, floor: float = 0.02) -> float:
    """Compute the share of the peak rate at a step: a linear rise, then half a cosine down to `floor`.

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
    """Set the rate of every group of parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate
