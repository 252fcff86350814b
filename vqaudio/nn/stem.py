"""The first strided convolution of an encoder, with kernels that are known instead of learned."""

import math

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError

FLOOR = 2e-4  # amplitude of a sinusoid: -74 dB; weaker parts of speech are not heard beside the rest
TINY = 1e-16  # power: keeps the gradient of the square root finite in silence
CENTRE, SPREAD = -3.0, 0.7  # about the mean and the standard deviation of the features over read speech


class SpectralStem(nn.Module):
    """`b 1 n` -> `b m n/hop`: log mel magnitudes of causal windows.

    A convolution with windowed cosines and sines, stride `hop`, computed by a fast Fourier transform; then the
    magnitude of each pair, mel bands, and a logarithm as the activation: what the ear, STOI and phonemes look at, from
    the first step of training on.
    Source: learnable front ends start from the same filters, arXiv:2101.08596; mel bands: Slaney 1998.
    """

    window: Tensor
    bands: Tensor

    def __init__(self, sample_rate_hz: int, *, window_samples: int, hop: int, num_bands: int) -> None:
        super().__init__()
        if window_samples < hop:
            raise VqaudioError(f"a window of {window_samples} samples leaves gaps at a hop of {hop}")
        self.window_samples, self.stride, self.context = window_samples, hop, window_samples - hop
        window = torch.hann_window(window_samples)
        self.register_buffer("window", window / (window.sum() / 2), persistent=False)
        bands = mel_bands(sample_rate_hz, window_samples // 2 + 1, num_bands)
        self.register_buffer("bands", bands, persistent=False)

    def zero_state(self, batch: int) -> Tensor:
        """`b 1 context` zeros."""
        return self.window.new_zeros(batch, 1, self.context)

    def step(self, audio: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """audio: `b 1 n` with n a multiple of the hop.  Returns features `b m n/hop` and the next state."""
        seen = torch.cat([state, audio.float()], dim=-1)
        with torch.autocast(audio.device.type, enabled=False):
            frames = seen[:, 0].unfold(-1, self.window_samples, self.stride)
            spectra = torch.fft.rfft(frames * self.window)
            power = spectra.real.square() + spectra.imag.square()  # abs() of a complex number costs four times that
            features = self.features((power + TINY).sqrt())
        return features, seen[..., seen.shape[-1] - self.context :]

    def features(self, magnitudes: Tensor) -> Tensor:
        """magnitudes: `b t f`.  Returns log mel features `b m t`, about zero mean and unit variance."""
        return ((torch.log10(magnitudes @ self.bands + FLOOR) - CENTRE) / SPREAD).transpose(1, 2)

    def forward(self, audio: Tensor) -> Tensor:
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
