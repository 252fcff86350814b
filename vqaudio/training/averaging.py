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

    Raises VqaudioError if there is none.
    """
    own = module.state_dict()
    fitting = {name: value for name, value in source.state_dict().items() if _shape(own.get(name)) == value.shape}
    if not fitting:
        raise VqaudioError("no weight of the codec to start from has the name and shape of one of this codec's")
    module.load_state_dict(fitting, strict=False)


def _shape(tensor: Tensor | None) -> torch.Size | None:
    return None if tensor is None else tensor.shape
