"""Weight averaging for evaluation, and initialisation from another network's weights."""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError


class WeightAverage:
    """An exponential moving average of the weights: average <- decay * average + (1 - decay) * weight.

    It covers every parameter; buffers are copied as they are.  The decay rises with the steps,
    min(decay, (1 + step) / (10 + step)), so that the start is forgotten soon.
    Source: Polyak averaging as in EnCodec's and TensorFlow's ExponentialMovingAverage.
    """

    def __init__(self, module: nn.Module, *, decay: float) -> None:
        self.decay = decay
        self.tensors = {name: value.detach().clone() for name, value in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Update the averages with the weights after a step."""
        decay = min(self.decay, (1 + step) / (10 + step))
        names = dict(module.named_parameters())
        averages = [self.tensors[name] for name in names]
        torch._foreach_lerp_(averages, [value.detach() for value in names.values()], 1 - decay)

    @torch.no_grad()
    def swap(self, module: nn.Module) -> None:
        """Exchange the module's weights with the averages; a second call restores both."""
        for name, value in module.named_parameters():
            kept: Tensor = value.detach().clone()
            value.copy_(self.tensors[name])
            self.tensors[name].copy_(kept)

    @contextlib.contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Apply the averages to the module inside the block; it has its own weights after it."""
        self.swap(module)
        try:
            yield
        finally:
            self.swap(module)


def load_matching_weights(module: nn.Module, source: nn.Module) -> None:
    """Copy every tensor of the source that has the name and the shape of one of the module's.

    Where the module's is larger along some axes the source's fills its beginning and the rest is zero in axes that are
    read (1 and further) and as it was in axis 0: a network that has grown starts as the one it grew from, and what is
    new can be learned.  Raises VqaudioError if nothing fits.
    """
    own = module.state_dict()
    values = {name: value for name, value in source.state_dict().items() if name in own}
    fitting = {name: _grown(own[name], value) for name, value in values.items() if _fits(value, own[name])}
    if not fitting:
        raise VqaudioError("no weight of the codec to start from has a name and a shape that fit one of this codec's")
    module.load_state_dict(fitting, strict=False)


def _fits(value: Tensor, into: Tensor) -> bool:
    sizes = zip(value.shape, into.shape, strict=False)
    return value.ndim == into.ndim and all(size <= room for size, room in sizes)


def _grown(fresh: Tensor, value: Tensor) -> Tensor:
    """Put a tensor into the beginning of a fresh one that is as large or larger."""
    if fresh.shape == value.shape:
        return value
    grown = fresh.clone()
    grown[: len(value)] = 0
    grown[tuple(slice(0, size) for size in value.shape)] = value
    return grown
