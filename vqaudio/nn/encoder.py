"""Waveform to latent vectors: strided convolutions with dilated residual units between them."""

from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.blocks import ResidualUnit
from vqaudio.nn.conv import CausalConv1d, Chain, Pointwise, State


class Encoder(nn.Module):
    """`b 1 n` -> `b d t`, causal, n a multiple of the product of the strides.

    audio (16 kHz) -> /8 -> units -> /5 -> units -> /4 -> units -> /2 -> units -> 1x1 -> vectors (50 Hz)

    The first stride is large on purpose: nearly all the cost of a waveform network sits in its fastest layers.
    """

    def __init__(
        self, *, widths: tuple[int, ...], strides: tuple[int, ...], dilations: tuple[int, ...], latent_width: int
    ) -> None:
        super().__init__()
        if len(widths) != len(strides):
            raise VqaudioError(f"one width per stride is needed, got widths {widths} and strides {strides}")
        layers: list[nn.Module] = []
        for before, width, stride in zip((1, *widths), widths, strides, strict=False):
            if layers:
                layers.append(Pointwise(nn.ELU()))
            layers.append(CausalConv1d(before, width, kernel=2 * stride, stride=stride))
            layers += [ResidualUnit(width, dilation=dilation) for dilation in dilations]
        layers += [Pointwise(nn.ELU()), CausalConv1d(widths[-1], latent_width, kernel=1)]
        self.chain = Chain(*layers)

    @property
    def hop(self) -> int:
        """Samples per vector."""
        return self.chain.stride

    @property
    def context(self) -> int:
        """Samples of the past that a vector depends on, besides its own hop."""
        return self.chain.context

    def zero_state(self, batch: int) -> State:
        """The state before the first sample."""
        return self.chain.zero_state(batch)

    def step(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        """audio: `b 1 n`.  Returns vectors `b d n/hop` and the next state."""
        return self.chain.step(audio, state)

    def forward(self, audio: Tensor) -> Tensor:
        """`step` from a zero state."""
        return self.chain(audio)
