"""The encoder, waveform to latent vectors: strided convolutions with dilated residual units between them.

A causal network with a delay, as the decoders are: with a lookahead of L frames the receptive field of vector t
extends to frame t + L.  `step` gives every vector L frames late; `forward` appends L frames of silence and drops the
first L.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.blocks import ResidualUnit
from vqaudio.nn.conv import CausalConv1d, Chain, Pointwise, State
from vqaudio.nn.stem import SpectralStem


class Latents(NamedTuple):
    """Latents: vectors `b d t` · level_offset `b d t`, added to the residual after the first codebook, or None."""

    vectors: Tensor
    level_offset: Tensor | None


class Encoder(nn.Module):
    """A causal convolutional encoder: `b 1 n` -> `b d t`, n a multiple of the product of the strides.

    with a stem    audio (16 kHz) -> spectral stem /160 -> 3-tap -> units -> /2 -> units -> 1x1 -> vectors (50 Hz)
    without        audio (16 kHz) -> /8 -> units -> /5 -> units -> /4 -> units -> /2 -> units -> 1x1 -> vectors (50 Hz)

    The first stride is large on purpose: nearly all the cost of a waveform network sits in its fastest layers.
    dilations: of the residual units after each stride.  lookahead_frames: future frames in a vector's receptive field.

    Where the stem normalises the level and is_level_sent, the level returns as an offset: one direction of the latent
    space times the level.  So the first code does not depend on the volume, and the others restore it.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[tuple[int, ...], ...],
        latent_width: int,
        stem: SpectralStem | None = None,
        stem_bands: int = 0,
        is_level_sent: bool = False,
        lookahead_frames: int = 0,
    ) -> None:
        super().__init__()
        if lookahead_frames < 0:
            raise VqaudioError(f"an encoder's lookahead_frames must be 0 or more, got {lookahead_frames}")
        if not len(widths) == len(strides) == len(dilations):
            raise VqaudioError(
                f"each stride needs a width and a tuple of dilations, got strides {strides}, widths {widths}, "
                f"dilations {dilations}"
            )
        layers: list[nn.Module] = []
        before = stem_bands if stem is not None else 1
        for at, (width, stride) in enumerate(zip(widths, strides, strict=True)):
            if at == 0 and stem is not None:
                layers.append(CausalConv1d(before, width, kernel=3))
            else:
                layers += [Pointwise(nn.ELU())] if layers else []
                layers.append(CausalConv1d(before, width, kernel=2 * stride, stride=stride))
            layers += [ResidualUnit(width, dilation=dilation) for dilation in dilations[at]]
            before = width
        layers += [Pointwise(nn.ELU()), CausalConv1d(widths[-1], latent_width, kernel=1)]
        self.stem = stem
        self.body, self.lookahead_frames = Chain(*layers), lookahead_frames
        self.level = None
        if stem is not None and stem.follower is not None and is_level_sent:
            self.level = nn.Parameter(torch.randn(latent_width))

    @property
    def _whole(self) -> Chain:
        return self.body if self.stem is None else Chain(self.stem, *self.body.layers)

    @property
    def hop(self) -> int:
        """Samples per vector."""
        return self._whole.stride

    @property
    def context(self) -> int:
        """Past samples in the receptive field of a vector of `step`, besides the hop that it comes with."""
        return self._whole.context

    def zero_state(self, batch: int) -> State:
        """Make the state before the first sample."""
        stem = () if self.stem is None else self.stem.zero_state(batch)
        levels = None if self.level is None else self.level.new_zeros(batch, self.lookahead_frames)
        return stem, self.body.zero_state(batch), levels

    def step(self, audio: Tensor, state: State) -> tuple[Latents, State]:
        """Encode audio `b 1 n` to latents, t = n/hop, delayed by the lookahead.  Returns the next state too."""
        stem_state, body_state, waiting = state
        levels, features = None, audio
        if self.stem is not None:
            (features, levels), stem_state = self.stem.step(audio, stem_state)
        vectors, body_state = self.body.step(features, body_state)
        offset, waiting = self._level_offset(levels, waiting)
        return Latents(vectors, offset), (stem_state, body_state, waiting)

    def _level_offset(self, levels: Tensor | None, waiting: Tensor | None) -> tuple[Tensor | None, Tensor | None]:
        """Turn levels `b t` at the stem's rate into an offset of the latents.

        waiting: `b lookahead`, levels of the last frames.  Returns `b d t` at the latents' rate, as late as their
        vectors, and what waits next.
        """
        if self.level is None or levels is None or waiting is None:
            return None, waiting
        stride = self.body.stride
        pending = torch.cat([waiting, levels[:, stride - 1 :: stride]], dim=-1)
        num_ready = pending.shape[-1] - self.lookahead_frames
        return self.level[:, None] * pending[:, None, :num_ready], pending[:, num_ready:]

    def forward(self, audio: Tensor) -> Latents:
        """Encode audio `b 1 n`, followed by silence, to latents, t = n/hop, without delay."""
        audio = F.pad(audio, (0, self.lookahead_frames * self.hop))
        return self.in_time(self.step(audio, self.zero_state(audio.shape[0]))[0])

    def in_time(self, latents: Latents) -> Latents:
        """Remove the delay: drop the first latents of steps from a zero state, those of frames before the audio."""
        early = self.lookahead_frames
        offset = None if latents.level_offset is None else latents.level_offset[..., early:]
        return Latents(latents.vectors[..., early:], offset)

    def vectors_of(self, features: Tensor) -> Tensor:
        """Encode features `b m t` of the stem to vectors `b d t/stride`, without delay, fewer by the lookahead."""
        return self.body(features)[..., self.lookahead_frames :]
