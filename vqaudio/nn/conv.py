"""Causal convolutions with explicit state: `step(x, state) -> (y, state)`.

Nothing is hidden in a buffer, so a stream can be split anywhere, kept, copied, batched with others and taken up again.
`forward(x)` is `step` from a zero state: streaming and offline share one path.

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
    """The interface of a causal layer.  `context` is in input steps, `stride` in input steps per output step."""

    context: int
    stride: int

    def zero_state(self, batch: int) -> State:
        """Make the state before the first input."""
        ...

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Process the next block.  Returns its output and the next state."""
        ...


class CausalConv1d(nn.Module):
    """A strided, dilated, causal convolution over the present block and `context` steps of the past."""

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
        """Make the state before the first input, `b c context` zeros."""
        return self.weight.new_zeros(batch, self.weight.shape[1] * self.groups, self.context)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Convolve a block x, `b c n`, n a multiple of the stride.  Returns `b c n/stride` and the next state."""
        if x.shape[-1] % self.stride:
            raise VqaudioError(f"a block of {x.shape[-1]} steps does not divide by the stride {self.stride}")
        joined = torch.cat([state, x], dim=-1)
        return self._convolve(joined), joined[..., joined.shape[-1] - self.context :]

    def _convolve(self, joined: Tensor) -> Tensor:
        is_plain = self.training or torch.compiler.is_exporting()
        if is_plain or not joined.is_cpu or not torch.backends.mkldnn.is_available():
            return F.conv1d(joined, self.weight, self.bias, self.stride, dilation=self.dilation, groups=self.groups)
        # oneDNN always: by itself torch takes a slower way for one row than for several, with other last bits.
        images, weight = joined.unsqueeze(2), self.weight.unsqueeze(2)
        padding, stride, dilation = (0, 0), (1, self.stride), (1, self.dilation)
        y = torch.ops.aten.mkldnn_convolution(images, weight, self.bias, padding, stride, dilation, self.groups)
        return y.squeeze(2)

    def forward(self, x: Tensor) -> Tensor:
        """Run `step` from a zero state."""
        return self.step(x, x.new_zeros(x.shape[0], x.shape[1], self.context))[0]


class CausalConvTranspose1d(nn.Module):
    """A causal transposed convolution, upsampling by `stride`: an input spreads over `kernel` outputs, none earlier."""

    def __init__(self, in_channels: int, out_channels: int, *, kernel: int, stride: int) -> None:
        super().__init__()
        if kernel < stride:
            raise VqaudioError(f"a kernel of {kernel} leaves gaps at stride {stride}; kernel >= stride is needed")
        self.stride, self.overlap = stride, kernel - stride
        self.weight = nn.Parameter(torch.empty(in_channels, out_channels, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        bound = (3 * stride / (in_channels * kernel)) ** 0.5  # fan-in of an output: in_channels * kernel / stride
        nn.init.uniform_(self.weight, -bound, bound)

    def zero_state(self, batch: int) -> Tensor:
        """Make the overlap tail before the first input, `b c overlap` zeros."""
        return self.weight.new_zeros(batch, self.weight.shape[1], self.overlap)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Upsample a block x, `b c t`.  Returns `b c t*stride` and the overlap tail that the next block adds."""
        spread = F.conv_transpose1d(x, self.weight, stride=self.stride)
        overlap_tail = F.pad(state, (0, spread.shape[-1] - self.overlap))
        y, tail = (spread + overlap_tail).split([x.shape[-1] * self.stride, self.overlap], dim=-1)
        return y + self.bias[:, None], tail

    def forward(self, x: Tensor) -> Tensor:
        """Run `step` from a zero state."""
        y = F.conv_transpose1d(x, self.weight, self.bias, stride=self.stride)
        return y[..., : x.shape[-1] * self.stride]


class Pointwise(nn.Module):
    """A pointwise module, such as an activation, as a streaming layer without state."""

    context, stride = 0, 1

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def zero_state(self, batch: int) -> tuple[()]:
        """Make the empty state."""
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Apply the module; the state passes through."""
        return self.module(x), state

    def forward(self, x: Tensor) -> Tensor:
        """Apply the module."""
        return self.module(x)


class Chain(nn.Module):
    """A sequence of streaming layers; its state is the tuple of theirs."""

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
        """Input steps of the past in the receptive field, which the present block completes."""
        total, scale = 0, 1
        for layer in self._streaming:
            total, scale = total + layer.context * scale, scale * layer.stride
        return total

    def zero_state(self, batch: int) -> State:
        """Make the state before the first input: one per layer."""
        return tuple(layer.zero_state(batch) for layer in self._streaming)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Run all layers on one block.  Returns the output and the next state."""
        after = []
        for layer, before in zip(self._streaming, state, strict=True):
            x, kept = layer.step(x, before)
            after.append(kept)
        return x, tuple(after)

    def forward(self, x: Tensor) -> Tensor:
        """Run `step` from a zero state."""
        for layer in self.layers:
            x = layer(x)
        return x


def fixed_windows(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cut the last axis into windows of one size, the last one filled up with zeros."""
    return F.pad(x, (0, -x.shape[-1] % size)).split(size, dim=-1)
