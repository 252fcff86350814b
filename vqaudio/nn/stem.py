"""The first strided convolution of an encoder, with kernels that are known instead of learned."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.conv import State
from vqaudio.nn.level import NOMINAL, LevelFollower

FLOOR = 2e-4  # amplitude of a sinusoid: -74 dB; weaker parts of speech are not heard beside the rest
TINY = 1e-16  # power: keeps the gradient of the square root finite in silence
CENTRE, SPREAD = -3.0, 0.7  # about the mean and the standard deviation of the features over read speech


class Heard(NamedTuple):
    """features `b m t` · levels `b t`: log10 amplitude over the nominal level, or None where it was not taken off."""

    features: Tensor
    levels: Tensor | None


class SpectralStem(nn.Module):
    """`b 1 n` -> `b m n/hop`: log mel magnitudes of causal windows.

    A convolution with windowed cosines and sines, stride `hop`, computed by a fast Fourier transform; then the
    magnitude of each pair, mel bands, and a logarithm as the activation: what the ear, STOI and phonemes look at, from
    the first step of training on.  With has_level_split the features are those of the signal brought to a nominal
    level, and the level comes beside them: features then do not depend on the volume.
    Source: learnable front ends start from the same filters, arXiv:2101.08596; mel bands: Slaney 1998.
    """

    window: Tensor
    bands: Tensor

    def __init__(
        self, sample_rate_hz: int, *, window_samples: int, hop: int, num_bands: int, has_level_split: bool = False
    ) -> None:
        super().__init__()
        if window_samples < hop:
            raise VqaudioError(f"a window of {window_samples} samples leaves gaps at a hop of {hop}")
        self.window_samples, self.stride, self.context = window_samples, hop, window_samples - hop
        window = torch.hann_window(window_samples)
        self.register_buffer("window", window / (window.sum() / 2), persistent=False)
        bands = mel_bands(sample_rate_hz, window_samples // 2 + 1, num_bands)
        self.register_buffer("bands", bands, persistent=False)
        self.follower = LevelFollower(sample_rate_hz / hop) if has_level_split else None

    def zero_state(self, batch: int) -> State:
        """The samples of the past, `b 1 context`, and the level's state or None."""
        samples = self.window.new_zeros(batch, 1, self.context)
        return samples, None if self.follower is None else self.follower.zero_state(samples)

    def step(self, audio: Tensor, state: State) -> tuple[Heard, State]:
        """audio: `b 1 n` with n a multiple of the hop.  Returns what was heard, t = n/hop, and the next state."""
        samples, level = state
        seen = torch.cat([samples, audio.float()], dim=-1)
        with torch.autocast(audio.device.type, enabled=False):
            frames = seen[:, 0].unfold(-1, self.window_samples, self.stride)
            spectra = torch.fft.rfft(frames * self.window)
            power = spectra.real.square() + spectra.imag.square()  # abs() of a complex number costs four times that
            heard, level = self.heard(power, level)
        return heard, (seen[..., seen.shape[-1] - self.context :], level)

    def heard(self, power: Tensor, level: Tensor | None) -> tuple[Heard, Tensor | None]:
        """power: `b t f` of windows as `step` cuts them, a sinusoid of amplitude 1 having 1; level: the state, `b 1`.

        Returns the features and levels of those windows and the next state.
        """
        mels, levels = (power + TINY).sqrt() @ self.bands, None
        if self.follower is not None:
            assert level is not None, "a stem that follows the level needs the level before"
            # A sinusoid of amplitude a has the power a^2 (1 + 1/4 + 1/4) in the three bins of its window.
            levels, level = self.follower.step(power.sum(dim=-1) / 1.5, level)
            levels = levels - NOMINAL
            mels = mels * torch.pow(10.0, -levels).unsqueeze(-1)
        features = ((torch.log10(mels + FLOOR) - CENTRE) / SPREAD).transpose(1, 2)
        return Heard(features, levels), level

    def forward(self, audio: Tensor) -> Heard:
        """`step` from a zero state."""
        return self.step(audio, self.zero_state(audio.shape[0]))[0]


def mel_bands(sample_rate_hz: int, num_bins: int, num_bands: int) -> Tensor:
    """Triangles on the mel scale, `f m`, each summing to one.  Bands narrower than a bin get the bins around them.

    Source: O'Shaughnessy 1987, mel = 2595 log10(1 + f / 700).
    """
    nyquist_hz = sample_rate_hz / 2
    top = 2595 * math.log10(1 + nyquist_hz / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, num_bands + 2, dtype=torch.float64) / 2595) - 1)
    bin_hz = nyquist_hz / (num_bins - 1)
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    low, high = torch.minimum(low, centre - bin_hz), torch.maximum(high, centre + bin_hz)
    at = (torch.arange(num_bins, dtype=torch.float64) * bin_hz)[:, None]
    triangles = torch.minimum((at - low) / (centre - low), (high - at) / (high - centre)).clamp(min=0)
    return (triangles / triangles.sum(dim=0)).float()
