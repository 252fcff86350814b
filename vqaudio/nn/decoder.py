"""Decoders, latent vectors to waveform: transposed convolutions, or spectrum frames and an inverse Fourier transform.

Both are causal networks with a delay.  With a lookahead of L frames the receptive field of
output frame t extends to frame t + L: `forward` appends L zero vectors and drops the first L frames of sound.
"""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.blocks import ConvNeXtBlock, ResidualUnit
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.conv import CausalConv1d, CausalConvTranspose1d, Chain, Pointwise, State
from vqaudio.nn.fourier import OVERLAP, ISTFTHead


class ConvDecoder(nn.Module):
    """The encoder mirrored: transposed convolutions, dilated residual units after each."""

    conditioning = None

    def __init__(
        self,
        *,
        widths: tuple[int, ...],
        strides: tuple[int, ...],
        dilations: tuple[int, ...],
        latent_width: int,
        lookahead_frames: int,
    ) -> None:
        super().__init__()
        if len(widths) != len(strides):
            raise VqaudioError(f"one width per stride is needed, got widths {widths} and strides {strides}")
        layers: list[nn.Module] = [CausalConv1d(latent_width, widths[0], kernel=7)]
        for width, after, stride in zip(widths, (*widths[1:], widths[-1]), strides, strict=True):
            layers += [Pointwise(nn.ELU()), CausalConvTranspose1d(width, after, kernel=2 * stride, stride=stride)]
            layers += [ResidualUnit(after, dilation=dilation) for dilation in dilations]
        layers += [Pointwise(nn.ELU()), CausalConv1d(widths[-1], 1, kernel=7)]
        self.chain, self.lookahead_frames = Chain(*layers), lookahead_frames

    def zero_state(self, batch: int) -> State:
        """Make the state before the first vector."""
        return self.chain.zero_state(batch)

    def step(self, vectors: Tensor, state: State, embeddings: Tensor | None = None) -> tuple[Tensor, State]:
        """Decode vectors `b d t` to `b 1 t*hop`, delayed by the lookahead.  Returns the next state too."""
        return self.chain.step(vectors, state)

    def forward(self, vectors: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Decode vectors `b d t` to `b 1 t*hop`, without delay."""
        audio = self.chain(F.pad(vectors, (0, self.lookahead_frames)))
        hop = audio.shape[-1] // (vectors.shape[-1] + self.lookahead_frames)
        return audio[..., self.lookahead_frames * hop :]


class FourierDecoder(nn.Module):
    """ConvNeXt blocks at the frame rate and at a multiple of it, then an inverse short-time Fourier transform.

    All its work is done at 50 and 100 steps a second instead of 16,000: the cheapest decoder on a CPU.
    network_lookahead: future frames in the network's receptive field; the head's held frames come on top.
    """

    def __init__(
        self,
        head: ISTFTHead,
        *,
        width: int,
        hidden: int,
        dilations: tuple[tuple[int, ...], tuple[int, ...]],
        latent_width: int,
        network_lookahead: int,
        upsampling: int = 2,
        conditioning: SpeakerConditioning | None = None,
    ) -> None:
        super().__init__()
        if network_lookahead * upsampling < OVERLAP - 1 or head.held_frames % upsampling:
            raise VqaudioError(
                f"lookahead times upsampling must be at least {OVERLAP - 1}, the overlap of the windows, and the "
                f"upsampling must divide the held frames; got {network_lookahead} * {upsampling}, {head.held_frames}"
            )
        slow, fast = ([ConvNeXtBlock(width, hidden=hidden, dilation=d) for d in stage] for stage in dilations)
        self.entry = CausalConv1d(latent_width, width, kernel=7)
        self.slow, self.fast = nn.ModuleList(slow), nn.ModuleList(fast)
        self.upsample = CausalConvTranspose1d(width, width, kernel=2 * upsampling, stride=upsampling)
        self.norm = _FrameNorm(width)
        self.head, self.conditioning = head, conditioning
        self.network_lookahead, self.upsampling = network_lookahead, upsampling

    @property
    def lookahead_frames(self) -> int:
        """Delay of the sound of `step`, in frames."""
        return self.network_lookahead + self.head.held_frames // self.upsampling

    def zero_state(self, batch: int) -> State:
        """Make the state before the first vector: one per layer, in the order of `step`."""
        layers = [self.entry, *self.slow, self.upsample, *self.fast, self.head]
        return tuple(layer.zero_state(batch) for layer in layers)

    def step(self, vectors: Tensor, state: State, embeddings: Tensor | None = None) -> tuple[Tensor, State]:
        """Decode vectors `b d t` to `b 1 t*hop`, delayed by the lookahead.  embeddings: `b e` or None.

        Returns the next state too.
        """
        modulations = iter(self._modulations(embeddings))
        before, after = iter(state), []
        x, kept = self.entry.step(vectors, next(before))
        after.append(kept)
        for unit in self._units(self.slow):
            x, kept = unit.step(x, next(before), next(modulations))
            after.append(kept)
        x, kept = self.upsample.step(x, next(before))
        after.append(kept)
        for unit in self._units(self.fast):
            x, kept = unit.step(x, next(before), next(modulations))
            after.append(kept)
        audio, kept = self.head.step(self.norm(x), next(before))
        return audio, (*after, kept)

    def forward(self, vectors: Tensor, embeddings: Tensor | None = None) -> Tensor:
        """Decode vectors `b d t` to `b 1 t*hop`, without delay and Griffin-Lim.  embeddings: `b e` or None."""
        return self.synthesize(*self.spectrum(vectors, embeddings), num_frames=vectors.shape[-1])

    def spectrum(self, vectors: Tensor, embeddings: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Predict log magnitudes and phases `b (t + lookahead) * upsampling f` of vectors `b d t`.

        Frame j covers the samples from (j - network_lookahead * upsampling) * head.hop on, for head.n_fft.
        """
        modulations = iter(self._modulations(embeddings))
        x = self.entry(F.pad(vectors, (0, self.lookahead_frames)))
        for unit in self.slow:
            x = unit(x, next(modulations))
        x = self.upsample(x)
        for unit in self.fast:
            x = unit(x, next(modulations))
        return self.head.spectrum(self.norm(x))

    def synthesize(self, log_magnitudes: Tensor, phases: Tensor, *, num_frames: int) -> Tensor:
        """Synthesize audio `b 1 num_frames*hop`, without delay, from the output of `spectrum`."""
        audio = self.head.synthesize(log_magnitudes, phases)
        hop = self.head.hop * self.upsampling
        return audio[..., self.network_lookahead * hop : (self.network_lookahead + num_frames) * hop]

    @staticmethod
    def _units(stage: nn.ModuleList) -> list[ConvNeXtBlock]:
        return cast(list[ConvNeXtBlock], list(stage))

    def _modulations(self, embeddings: Tensor | None) -> tuple[Tensor | None, ...]:
        if (self.conditioning is None) != (embeddings is None):
            wanted = "no speaker embedding" if self.conditioning is None else "a speaker embedding `b e`"
            raise VqaudioError(f"this decoder takes {wanted}; got {'one' if embeddings is not None else 'none'}")
        if self.conditioning is None or embeddings is None:
            return (None,) * (len(self.slow) + len(self.fast))
        return self.conditioning(embeddings)


class _FrameNorm(nn.Module):
    """Layer norm over the channels of each frame: `b d t` -> `b d t`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)
