"""Causal convolutions whose memory is a value: `step(x, state) -> (y, state)`.

Nothing is hidden in a buffer, so a stream can be cut anywhere, kept, copied, batched with others and taken up again.
`forward(x)` is `step` from a zero state: one path, two doors.

              state (the past)      x (the new block)
    input   [ . . . . . . . . ][ x x x x x x x x x x x x ]
                          \\ \\ \\ | / kernel, dilation
    output                  [ y   y   y   y   y   y ]   one for every `stride` inputs of the block
"""

from typing import Any, Protocol, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError

State = Any  # a Tensor, or a tuple of States: one per layer


class Streaming(Protocol):
    """What every causal layer offers.  `context` is in input steps, `stride` in input steps per output step."""

    context: int
    stride: int

    def zero_state(self, batch: int) -> State:
        """The state before anything was heard."""
        ...

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The next block, with what must be remembered of it."""
        ...


class CausalConv1d(nn.Module):
    """Strided, dilated convolution that sees the present block and `context` steps of the past."""

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        self.context = (kernel - 1) * dilation + 1 - stride
        if self.context < 0:
            raise VqaudioError(f"a kernel of {kernel} leaves gaps at stride {stride}; kernel >= stride is needed")
        self.stride, self.dilation, self.groups = stride, dilation, groups
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.kaiming_uniform_(self.weight, nonlinearity="linear")

    def zero_state(self, batch: int) -> Tensor:
        """`b c context` zeros."""
        return self.weight.new_zeros(batch, self.weight.shape[1] * self.groups, self.context)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x: `b c n` with n a multiple of the stride.  Returns `b c n/stride` and the next state."""
        if x.shape[-1] % self.stride:
            raise VqaudioError(f"a block of {x.shape[-1]} steps does not divide by the stride {self.stride}")
        seen = torch.cat([state, x], dim=-1)
        y = F.conv1d(seen, self.weight, self.bias, self.stride, dilation=self.dilation, groups=self.groups)
        return y, seen[..., seen.shape[-1] - self.context :]

    def forward(self, x: Tensor) -> Tensor:
        """`step` from a zero state."""
        return self.step(x, x.new_zeros(x.shape[0], x.shape[1], self.context))[0]


class CausalConvTranspose1d(nn.Module):
    """Upsampling by `stride`: each input spreads over `kernel` outputs, none of them before its own time."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        if kernel < stride:
            raise VqaudioError(f"a kernel of {kernel} leaves gaps at stride {stride}; kernel >= stride is needed")
        self.stride, self.overlap = stride, kernel - stride
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        bound = (3 * stride / (in_channels * kernel)) ** 0.5  # each output hears in_channels * kernel / stride inputs
        nn.init.uniform_(self.weight, -bound, bound)

    def zero_state(self, batch: int) -> Tensor:
        """`b c overlap` zeros: what earlier inputs still owe to later outputs."""
        return self.weight.new_zeros(batch, self.weight.shape[1], self.overlap)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """x: `b c t`.  Returns `b c t*stride` and the tail that the next block must add."""
        spread = F.conv_transpose1d(x, self.weight, stride=self.stride)
        overlap_tail = F.pad(state, (0, spread.shape[-1] - self.overlap))
        y, tail = (spread + overlap_tail).split([x.shape[-1] * self.stride, self.overlap], dim=-1)
        return y + self.bias[:, None], tail

    def forward(self, x: Tensor) -> Tensor:
        """`step` from a zero state."""
        y = F.conv_transpose1d(x, self.weight, self.bias, stride=self.stride)
        return y[..., : x.shape[-1] * self.stride]


class Pointwise(nn.Module):
    """A module that looks at each step alone, such as an activation, among the streaming layers."""

    context, stride = 0, 1

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def zero_state(self, batch: int) -> tuple[()]:
        """Nothing to remember."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The module itself; the state passes through."""
        return self.module(x), state

    def forward(self, x: Tensor) -> Tensor:
        """The module itself."""
        return self.module(x)


class Chain(nn.Module):
    """Streaming layers one after the other; its state is the tuple of theirs."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    @property
    def _streaming(self) -> list[Streaming]:
        return cast(list[Streaming], list(self.layers))

    @property
    def stride(self) -> int:
        """Input steps per output step (down-sampling layers only)."""
        product = 1
        for layer in self._streaming:
            product *= layer.stride
        return product

    @property
    def context(self) -> int:
        """Input steps of the past that an output depends on: the receptive field without the present block."""
        total, scale = 0, 1
        for layer in self._streaming:
            total, scale = total + layer.context * scale, scale * layer.stride
        return total

    def zero_state(self, batch: int) -> State:
        """One state per layer."""
        return tuple(layer.zero_state(batch) for layer in self._streaming)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """All layers on one block."""
        after = []
        for layer, before in zip(self._streaming, state, strict=True):
            x, kept = layer.step(x, before)
            after.append(kept)
        return x, tuple(after)

    def forward(self, x: Tensor) -> Tensor:
        """`step` from a zero state."""
        for layer in self.layers:
            x = layer(x)
        return x


def fixed_windows(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cut the last axis into windows of one size, the last one filled up with zeros."""
    return F.pad(x, (0, -x.shape[-1] % size)).split(size, dim=-1)
