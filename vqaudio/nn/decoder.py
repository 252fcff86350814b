"""Decoders, latent vectors to waveform: transposed convolutions, or spectrum frames and an inverse Fourier transform.

Both are causal networks with a delay.  With a lookahead of L frames the receptive field of
output frame t extends to frame t + L: `forward` appends L zero vectors and drops the first L frames of sound.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.blocks import ConvNeXtBlock, ResidualUnit
from vqaudio.nn.conditioning import SpeakerConditioning
from vqaudio.nn.conv import CausalConv1d, CausalConvTranspose1d, Chain, Pointwise, State
from vqaudio.nn.fourier import OVERLAP, ISTFTHead
from vqaudio.nn.pitch import FRAMES_UNDER, PitchConditioning, PitchTrack


class ConvDecoder(nn.Module):
    """The encoder mirrored: transposed convolutions, dilated residual units after each."""

    conditioning = None
    pitch = None

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
    pitch: for decoders that take pitch beside the vectors; without it, such a decoder hears that none is given.
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
        pitch: PitchConditioning | None = None,
    ) -> None:
        super().__init__()
        if network_lookahead * upsampling < OVERLAP - 1 or head.held_frames % upsampling:
            raise VqaudioError(
                f"lookahead times upsampling must be at least {OVERLAP - 1}, the overlap of the windows, and the "
                f"upsampling must divide the held frames; got {network_lookahead} * {upsampling}, {head.held_frames}"
            )
        if pitch is not None and network_lookahead < FRAMES_UNDER:
            raise VqaudioError(
                f"a decoder that takes pitch looks {FRAMES_UNDER} frames ahead or more, got {network_lookahead}"
            )
        slow, fast = ([ConvNeXtBlock(width, hidden=hidden, dilation=d) for d in stage] for stage in dilations)
        self.entry = CausalConv1d(latent_width, width, kernel=7)
        self.slow, self.fast = nn.ModuleList(slow), nn.ModuleList(fast)
        self.upsample = CausalConvTranspose1d(width, width, kernel=2 * upsampling, stride=upsampling)
        self.norm = _FrameNorm(width)
        self.head, self.conditioning, self.pitch = head, conditioning, pitch
        self.network_lookahead, self.upsampling = network_lookahead, upsampling

    @property
    def lookahead_frames(self) -> int:
        """Delay of the sound of `step`, in frames."""
        return self.network_lookahead + self.head.held_frames // self.upsampling

    def zero_state(self, batch: int) -> State:
        """Make the state before the first vector: one per layer, in the order of `step`."""
        layers = [self.entry, *self.slow, self.upsample, *self.fast, self.head]
        f0 = () if self.pitch is None else (self.entry.weight.new_zeros(batch, self.network_lookahead),)
        return (*(layer.zero_state(batch) for layer in layers), *f0)

    def step(
        self, vectors: Tensor, state: State, embeddings: Tensor | None = None, pitch: PitchTrack | None = None
    ) -> tuple[Tensor, State]:
        """Decode vectors `b d t` to `b 1 t*hop`, delayed by the lookahead.  embeddings: `b e` or None.

        pitch: of the frames of the vectors, None for none given.  Returns the next state too.
        """
        modulations = iter(self._modulations(embeddings))
        before, after = iter(state), []
        track = self._track(vectors, pitch)
        x, kept = self.entry.step(vectors, next(before))
        x = self._with_pitch(x, track)
        after.append(kept)
        for unit in self._units(self.slow):
            x, kept = unit.step(x, next(before), next(modulations))
            after.append(kept)
        x, kept = self.upsample.step(x, next(before))
        after.append(kept)
        for unit in self._units(self.fast):
            x, kept = unit.step(x, next(before), next(modulations))
            after.append(kept)
        x, head_state = self.norm(x), next(before)
        if self.pitch is None or track is None:
            audio, kept = self.head.step(x, head_state)
            return audio, (*after, kept)
        f0_hz = torch.cat([next(before), track.f0_hz], dim=1)  # late by network_lookahead, as the spectra are
        ripple = self.pitch.ripple(x, f0_hz[:, : vectors.shape[-1] + FRAMES_UNDER])
        audio, kept = self.head.step(x, head_state, ripple)
        return audio, (*after, kept, f0_hz[:, -self.network_lookahead :])

    def forward(self, vectors: Tensor, embeddings: Tensor | None = None, pitch: PitchTrack | None = None) -> Tensor:
        """Decode vectors `b d t` to `b 1 t*hop`, without delay and Griffin-Lim.  embeddings: `b e` or None."""
        return self.synthesize(*self.spectrum(vectors, embeddings, pitch), num_frames=vectors.shape[-1])

    def spectrum(
        self, vectors: Tensor, embeddings: Tensor | None = None, pitch: PitchTrack | None = None
    ) -> tuple[Tensor, Tensor]:
        """Predict log magnitudes and phases `b (t + lookahead) * upsampling f` of vectors `b d t`.

        Frame j covers the samples from (j - network_lookahead * upsampling) * head.hop on, for head.n_fft.
        """
        modulations = iter(self._modulations(embeddings))
        vectors = F.pad(vectors, (0, self.lookahead_frames))
        track = self._track(vectors, pitch)
        x = self._with_pitch(self.entry(vectors), track)
        for unit in self.slow:
            x = unit(x, next(modulations))
        x = self.upsample(x)
        for unit in self.fast:
            x = unit(x, next(modulations))
        x = self.norm(x)
        if self.pitch is None or track is None:
            return self.head.spectrum(x)
        late = F.pad(track.f0_hz, (self.network_lookahead, FRAMES_UNDER - self.network_lookahead))
        return self.head.spectrum(x, self.pitch.ripple(x, late))

    def synthesize(self, log_magnitudes: Tensor, phases: Tensor, *, num_frames: int) -> Tensor:
        """Synthesize audio `b 1 num_frames*hop`, without delay, from the output of `spectrum`."""
        audio = self.head.synthesize(log_magnitudes, phases)
        hop = self.head.hop * self.upsampling
        return audio[..., self.network_lookahead * hop : (self.network_lookahead + num_frames) * hop]

    @staticmethod
    def _units(stage: nn.ModuleList) -> list[ConvNeXtBlock]:
        return cast(list[ConvNeXtBlock], list(stage))

    def _track(self, vectors: Tensor, pitch: PitchTrack | None) -> PitchTrack | None:
        """Check the pitch that was given for vectors `b d t`, and give none to the frames after it."""
        if self.pitch is None:
            if pitch is not None:
                raise VqaudioError("this decoder takes no pitch; got one")
            return None
        batch, _, num_frames = vectors.shape
        none = self.pitch.without(batch, num_frames)
        if pitch is None:
            return none
        known = pitch.codes.shape[1]
        if pitch.codes.shape != pitch.f0_hz.shape or len(pitch.codes) != batch or known > num_frames:
            raise VqaudioError(
                f"pitch of shape {tuple(pitch.codes.shape)} does not fit {batch} rows of {num_frames} frames"
            )
        return PitchTrack(
            torch.cat([pitch.codes, none.codes[:, known:]], dim=1),
            torch.cat([pitch.f0_hz.to(none.f0_hz.dtype), none.f0_hz[:, known:]], dim=1),
        )

    def _with_pitch(self, x: Tensor, track: PitchTrack | None) -> Tensor:
        return x if self.pitch is None or track is None else x + self.pitch.embed(track.codes)

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
