"""The parts of a codec that ONNX has no operations for, in real arithmetic, with the interfaces of `vqaudio.nn`.

Fourier transforms become products with matrices of cosines and sines, complex frames become `real | imaginary` side by
side, and the running maximum of the level follower is taken in doubling steps.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.nn.conv import State
from vqaudio.nn.fourier import OVERLAP, QUIET, ISTFTHead
from vqaudio.nn.phases import integrate_phases
from vqaudio.nn.stem import LevelFollower, SpectralStem, StemOutput

MAX_DOUBLINGS = 14  # a running maximum, and phases, over up to 16,384 frames of the stem


class RealStem(nn.Module):
    """`SpectralStem` with a product in place of the fast Fourier transform: cosines and sines under the window."""

    matrix: Tensor

    def __init__(self, stem: SpectralStem) -> None:
        super().__init__()
        self.stem, self.stride, self.context = stem, stem.stride, stem.context
        if stem.follower is not None:
            stem.follower = RealFollower(stem.follower)
        self.window_samples = stem.window_samples
        matrix = torch.cat(_waves(stem.window_samples)) * stem.window.double()
        self.register_buffer("matrix", matrix.T.contiguous())

    def zero_state(self, batch: int) -> State:
        """Make the state before the first sample."""
        return self.stem.zero_state(batch)

    def step(self, audio: Tensor, state: State) -> tuple[StemOutput, State]:
        """Compute features and levels as `SpectralStem.step` does."""
        samples, level = state
        joined = torch.cat([samples, audio], dim=-1)
        # In float64, for a product has larger errors than a fast transform, and soft bins stand beside loud ones.
        frames = joined[:, 0].unfold(-1, self.window_samples, self.stride).double()
        cosines, sines = (frames @ self.matrix).chunk(2, dim=-1)
        power = (cosines.square() + sines.square()).float()
        output, level = self.stem.features_from_power(power, level)
        return output, (joined[..., joined.shape[-1] - self.context :], level)


class RealFollower(LevelFollower):
    """`LevelFollower` without `cummax`: the maximum with itself 1, 2, 4, ... frames before, which is exact."""

    def __init__(self, follower: LevelFollower) -> None:
        nn.Module.__init__(self)
        self.sustain_frames, self.release = follower.sustain_frames, follower.release
        self.peak_release = follower.peak_release

    def _running_maximum(self, values: Tensor) -> Tensor:
        for doubling in range(MAX_DOUBLINGS):
            earlier = F.pad(values, (2**doubling, 0), value=-torch.inf)[:, : values.shape[-1]]
            values = torch.maximum(values, earlier)
        return values


class RealHead(nn.Module):
    """`ISTFTHead` with products in place of transforms, of frames `b t 2f`: real parts, then imaginary ones."""

    forward_matrix: Tensor
    inverse_matrix: Tensor
    last_levels: Tensor

    def __init__(self, head: ISTFTHead) -> None:
        super().__init__()
        self.head, self.held_frames, self.hop, self.num_iterations = (
            head,
            head.held_frames,
            head.hop,
            head.num_iterations,
        )
        cosines, sines = _waves(head.n_fft)
        window = head.window.double()
        both = torch.cat([cosines, -sines])
        weights = torch.full((len(cosines), 1), 2.0, dtype=torch.float64)
        weights[0] = weights[-1] = 1
        inverse = both * torch.cat([weights, weights]) / head.n_fft * (window / 1.5)
        self.register_buffer("forward_matrix", (both * window).T.float().contiguous())
        self.register_buffer("inverse_matrix", inverse.float().contiguous())
        tail = (head.window.square() / 1.5).view(OVERLAP, head.hop)
        share = tail.flip(0).cumsum(0)[:-1].flip(0)
        self.register_buffer("last_levels", 1 / share.clamp(min=0.1))

    def zero_state(self, batch: int) -> State:
        """Make the overlap tail of earlier frames, `b 3 hop`, and the held frames, `b t 2f`."""
        overlap_tail, held = self.head.zero_state(batch)
        return overlap_tail, torch.cat([held.real, held.imag], dim=-1)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Synthesize audio `b 1 t*hop` of x `b d t` as `ISTFTHead.step` does."""
        log_magnitudes, phases = self.head.spectrum(x)
        overlap_tail, held = state
        if self.head.phase_start == "gradient":
            real, imaginary = held[:, -1].chunk(2, dim=-1)
            before = 0.5 * torch.log(self._power(held[:, -1])) - math.log(self.head.scale)
            phases = integrate_phases(
                log_magnitudes, before, torch.atan2(imaginary, real), hop=self.hop, num_doublings=MAX_DOUBLINGS
            )
        magnitudes = torch.exp(log_magnitudes) * self.head.scale
        new = torch.cat([magnitudes * torch.cos(phases), magnitudes * torch.sin(phases)], dim=-1)
        frames = torch.cat([held, new], dim=1)
        if self.num_iterations:
            frames = self._griffin_lim(frames, overlap_tail)
        num_ready = new.shape[1]
        added = self._overlap_add(frames[:, :num_ready], overlap_tail)
        audio = added[:, :num_ready].reshape(x.shape[0], 1, -1)
        return audio, (added[:, num_ready:], frames[:, num_ready:])

    def _overlap_add(self, frames: Tensor, overlap_tail: Tensor) -> Tensor:
        quarters = (frames @ self.inverse_matrix).unflatten(-1, (OVERLAP, self.hop))
        added = F.pad(overlap_tail, (0, 0, 0, frames.shape[1]))
        for quarter in range(OVERLAP):
            added = added + F.pad(quarters[:, :, quarter], (0, 0, quarter, OVERLAP - 1 - quarter))
        return added

    def _griffin_lim(self, frames: Tensor, overlap_tail: Tensor) -> Tensor:
        num_frames = frames.shape[1]
        magnitudes = self._power(frames).sqrt()
        full_level = torch.cat([self.last_levels.new_ones(num_frames, self.hop), self.last_levels])
        previous = torch.zeros_like(frames)
        for _ in range(self.num_iterations):
            sound = self._overlap_add(frames, overlap_tail) * full_level
            windows = torch.cat([sound[:, at : at + num_frames] for at in range(OVERLAP)], dim=-1)
            consistent = windows @ self.forward_matrix
            accelerated = consistent - self.head.momentum / (1 + self.head.momentum) * previous
            previous = consistent
            scale = magnitudes * torch.rsqrt(self._power(accelerated) + QUIET)
            frames = accelerated * torch.cat([scale, scale], dim=-1)
        return frames

    @staticmethod
    def _power(frames: Tensor) -> Tensor:
        real, imaginary = frames.chunk(2, dim=-1)
        return real.square() + imaginary.square()


def _waves(size: int) -> tuple[Tensor, Tensor]:
    """Make the cosines and sines `f n` of a Fourier transform of `size` real samples, in float64."""
    turns = torch.outer(torch.arange(size // 2 + 1), torch.arange(size)) % size
    angles = turns.double() * (2 * math.pi / size)
    return angles.cos(), angles.sin()
