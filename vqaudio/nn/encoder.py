"""Waveform to latent vectors: strided convolutions with dilated residual units between them."""

from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.blocks import ResidualUnit
from vqaudio.nn.conv import CausalConv1d, Chain, Pointwise, State
from vqaudio.nn.stem import SpectralStem


class Encoder(nn.Module):
    """`b 1 n` -> `b d t`, causal, n a multiple of the product of the strides.

    with a stem    audio (16 kHz) -> spectral stem /160 -> 3-tap -> units -> /2 -> units -> 1x1 -> vectors (50 Hz)
    without        audio (16 kHz) -> /8 -> units -> /5 -> units -> /4 -> units -> /2 -> units -> 1x1 -> vectors (50 Hz)

    The first stride is large on purpose: nearly all the cost of a waveform network sits in its fastest layers.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[int, ...],
        latent_width: int,
        stem: SpectralStem | None = None,
        stem_bands: int = 0,
    ) -> None:
        super().__init__()
        if len(widths) != len(strides):
            raise VqaudioError(f"one width per stride is needed, got widths {widths} and strides {strides}")
        layers: list[nn.Module] = []
        before = stem_bands if stem is not None else 1
        for at, (width, stride) in enumerate(zip(widths, strides, strict=True)):
            if at == 0 and stem is not None:
                layers.append(CausalConv1d(before, width, kernel=3))
            else:
                layers += [Pointwise(nn.ELU())] if layers else []
                layers.append(CausalConv1d(before, width, kernel=2 * stride, stride=stride))
            layers += [ResidualUnit(width, dilation=dilation) for dilation in dilations]
            before = width
        layers += [Pointwise(nn.ELU()), CausalConv1d(widths[-1], latent_width, kernel=1)]
        self.stem = stem
        self.body = Chain(*layers)

    @property
    def _whole(self) -> Chain:
        return self.body if self.stem is None else Chain(self.stem, *self.body.layers)

    @property
    def hop(self) -> int:
        """Samples per vector."""
        return self._whole.stride

    @property
    def context(self) -> int:
        """Samples of the past that a vector depends on, besides its own hop."""
        return self._whole.context

    def zero_state(self, batch: int) -> State:
        """The state before the first sample."""
        stem = () if self.stem is None else self.stem.zero_state(batch)
        return stem, self.body.zero_state(batch)

    def step(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        """audio: `b 1 n`.  Returns vectors `b d n/hop` and the next state."""
        stem_state, body_state = state
        if self.stem is not None:
            audio, stem_state = self.stem.step(audio, stem_state)
        vectors, body_state = self.body.step(audio, body_state)
        return vectors, (stem_state, body_state)

    def forward(self, audio: Tensor) -> Tensor:
        """`step` from a zero state."""
        return self.body(audio if self.stem is None else self.stem(audio))
