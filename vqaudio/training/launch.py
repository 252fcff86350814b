"""Process groups: the same recipe under `python` and under `torchrun`."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError

PRECISIONS = ("auto", "bfloat16", "float32")


@dataclass(frozen=True)
class Launch:
    """A process of the run: its device and its rank among all."""

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes logs and checkpoints."""
        return self.rank == 0

    def autocast(self, precision: str = "auto") -> torch.autocast:
        """Make an autocast to bfloat16 for convolutions and matrix products; quantizers and losses stay in float32.

        precision: `auto` (bfloat16 on a GPU, float32 on a CPU), `bfloat16` or `float32`.
        Raises VqaudioError for another one.
        """
        if precision not in PRECISIONS:
            raise VqaudioError(f"precision is {precision!r}; wanted {', '.join(PRECISIONS)}")
        is_half = precision == "bfloat16" or (precision == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=is_half)


@contextlib.contextmanager
def launched(device: str = "auto") -> Iterator[Launch]:
    """Join the process group that `torchrun` announces in the environment, and leave it at the end.

    device: `auto`, `cpu` or `cuda`.  Raises VqaudioError for a GPU that is not there.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise VqaudioError("device=cuda was asked for, but torch sees no GPU; use device=cpu or device=auto")
    has_gpu = device != "cpu" and torch.cuda.is_available()
    world_size, local_rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("LOCAL_RANK", 0))
    target = torch.device("cuda", local_rank) if has_gpu else torch.device("cpu")
    if has_gpu:
        torch.cuda.set_device(target)
    if world_size == 1:
        yield Launch(target)
        return
    dist.init_process_group("nccl" if has_gpu else "gloo")
    try:
        yield Launch(target, rank=dist.get_rank(), world_size=world_size)
    finally:
        dist.destroy_process_group()


def average_gradients(modules: Iterable[nn.Module], world_size: int) -> None:
    """Average every gradient over the processes, in one call.

    All gradients travel as one flat tensor: every process issues the same single collective, whatever the losses were.
    """
    if world_size == 1:
        return
    gradients = [p.grad for module in modules for p in module.parameters() if p.grad is not None]
    if not gradients:
        return
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, mean in zip(gradients, (flat / world_size).split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def mean_over_processes(value: Tensor) -> Tensor:
    """Average a tensor over the processes of the run, without gradient; the tensor itself where there is one process.

    Where a loss divides by a mean of its batch, the mean must be that of the whole batch, not of this process's share.
    """
    value = value.detach()
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return value
    value = value.clone()
    dist.all_reduce(value)
    return value / dist.get_world_size()


def share_weights(module: nn.Module, world_size: int) -> None:
    """Copy the weights and buffers of the first process to every other."""
    if world_size > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, src=0)


def clip_gradients(module: nn.Module, max_norm: float) -> Tensor:
    """Scale the gradients down to a norm of at most max_norm.  Returns the norm before, which may be non-finite."""
    return nn.utils.clip_grad_norm_([p for p in module.parameters() if p.grad is not None], max_norm)
