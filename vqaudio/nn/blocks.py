"""Residual units: the blocks between the layers that change the rate."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.nn.conv import CausalConv1d, Chain, Pointwise, State

BRANCH_SCALE = 0.5  # at 0.1 the branches get too little gradient and the codec stays poor; 0.3-0.5 train well


class ResidualUnit(nn.Module):
    """x + (ELU, dilated convolution, ELU, 1x1 convolution), through a narrower middle.

    Source: SEANet and EnCodec residual units, arXiv:2009.02095 and arXiv:2210.13438.
    """

    stride = 1

    def __init__(self, width: int, *, dilation: int, kernel: int = 3, narrowing: int = 2) -> None:
        super().__init__()
        middle = width // narrowing
        last = CausalConv1d(middle, width, kernel=1)
        with torch.no_grad():
            last.weight.mul_(BRANCH_SCALE)
        dilated = CausalConv1d(width, middle, kernel=kernel, dilation=dilation)
        self.branch = Chain(Pointwise(nn.ELU()), dilated, Pointwise(nn.ELU()), last)

    @property
    def context(self) -> int:
        """Past steps in the receptive field."""
        return self.branch.context

    def zero_state(self, batch: int) -> State:
        """Make the branch's state before the first step."""
        return self.branch.zero_state(batch)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Add the branch to x, `b c t` -> `b c t`.  Returns the next state too."""
        y, state = self.branch.step(x, state)
        return x + y, state

    def forward(self, x: Tensor) -> Tensor:
        """Run `step` from a zero state."""
        return x + self.branch(x)


class ConvNeXtBlock(nn.Module):
    """x + scale * MLP(norm(depthwise dilated convolution(x))), the norm over the channels of one frame.

    A speaker enters as `modulation` `b 2d`: scale and shift after the norm.
    Source: ConvNeXt and Vocos, arXiv:2201.03545 and arXiv:2306.00814; modulation as in arXiv:2212.09748.
    """

    stride = 1

    def __init__(self, width: int, *, hidden: int, dilation: int, kernel: int = 7) -> None:
        super().__init__()
        self.depthwise = CausalConv1d(width, width, kernel=kernel, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.full((width,), BRANCH_SCALE))

    @property
    def context(self) -> int:
        """Past steps in the receptive field."""
        return self.depthwise.context

    def zero_state(self, batch: int) -> State:
        """Make the depthwise convolution's state before the first step."""
        return self.depthwise.zero_state(batch)

    def _mix(self, x: Tensor, filtered: Tensor, modulation: Tensor | None) -> Tensor:
        y = self.norm(filtered.transpose(1, 2))
        if modulation is not None:
            scale, shift = modulation.unsqueeze(1).chunk(2, dim=-1)
            y = y * (1 + scale) + shift
        y = self.contract(F.gelu(self.expand(y))) * self.scale
        return x + y.transpose(1, 2)

    def step(self, x: Tensor, state: State, modulation: Tensor | None = None) -> tuple[Tensor, State]:
        """Process one block x, `b d t` -> `b d t`.  modulation: `b 2d` or None.  Returns the next state too."""
        filtered, state = self.depthwise.step(x, state)
        return self._mix(x, filtered, modulation), state

    def forward(self, x: Tensor, modulation: Tensor | None = None) -> Tensor:
        """Run `step` from a zero state."""
        return self._mix(x, self.depthwise(x), modulation)
