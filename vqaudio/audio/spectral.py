"""Short-time spectra of batches of audio, on any device."""

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.core.mel import mel_filter_bank

LOG_FLOOR = 1e-4  # amplitude of a bin: -80 dB; what is weaker is inaudible beside speech


class LogMel(nn.Module):
    """A log10 mel amplitude spectrogram: `b 1 n` -> `b m t`, hop a quarter of the window.

    sample_rate_hz, window_samples and num_bands fix the resolution.
    Raises VqaudioError if the bands are narrower than the Fourier bins.
    """

    bank: Tensor
    window: Tensor

    def __init__(self, sample_rate_hz: int, *, window_samples: int, num_bands: int) -> None:
        super().__init__()
        if num_bands > window_samples // 2:
            raise VqaudioError(f"{num_bands} mel bands need more than the {window_samples // 2} bins of the window")
        self.window_samples = window_samples
        num_bins = window_samples // 2 + 1
        # Each band is an average of amplitudes: one scale for all windows.
        bank = mel_filter_bank(sample_rate_hz, num_bins, num_bands, scale="slaney", norm="average")
        self.register_buffer("bank", torch.from_numpy(bank).T.contiguous(), persistent=False)
        self.register_buffer("window", torch.hann_window(window_samples), persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        """Compute the log-mel spectrogram `b m t` of audio `b 1 n`."""
        return torch.log10(magnitudes(audio, self.window).mT @ self.bank + 1e-8).mT


def spectrum(audio: Tensor, window: Tensor) -> Tensor:
    """Compute the complex STFT of audio.

    audio: `b 1 n`, window: `w`.  Returns `b f t`, hop w / 4; a sine of amplitude 1 gives 1.
    """
    size = window.shape[0]
    return torch.stft(
        audio[:, 0].float(), size, size // 4, window=window, center=True, pad_mode="reflect", return_complex=True
    ) / (window.sum() / 2)


def magnitudes(audio: Tensor, window: Tensor) -> Tensor:
    """Compute the magnitude STFT, never under LOG_FLOOR, so that logarithm and gradient stay finite in silence."""
    power = torch.view_as_real(spectrum(audio, window)).square().sum(dim=-1)
    return torch.sqrt(power + LOG_FLOOR**2)
