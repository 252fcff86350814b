"""Reconstruction, adversarial and re-encoding losses.  Every one returns a scalar, a mean over its elements.

Where a loss is relative to its batch, that is the batch of all processes.  The parts of an accumulated batch are each
relative to themselves.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.audio.spectral import LogMel, spectrum
from vqaudio.nn.fourier import OVERLAP
from vqaudio.nn.stem import compressed, mel_bands
from vqaudio.training.launch import mean_over_processes

# window in samples at 16 kHz: mel bands.  DAC (arXiv:2306.06546, section 3.3) halves both from scale to scale.
MEL_SCALES = {64: 5, 128: 10, 256: 20, 512: 40, 1024: 80, 2048: 160}
SPECTRUM_WINDOWS = (128, 512, 1280)
SILENT = 1e-8  # amplitude, far below the floor of the log magnitudes (FLOOR)


class MelLoss(nn.Module):
    """The mean L1 distance of log10 mel spectra over several resolutions.

    Source: DAC, arXiv:2306.06546, section 3.3.
    """

    def __init__(self, sample_rate_hz: int, scales: dict[int, int] | None = None) -> None:
        super().__init__()
        self.spectra = nn.ModuleList(
            LogMel(sample_rate_hz, window_samples=window, num_bands=bands)
            for window, bands in (scales or MEL_SCALES).items()
        )

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """Compute the loss of decoded against original audio, both `b 1 n`.  Returns a scalar."""
        distances = [(mel(decoded) - mel(original)).abs().mean() for mel in self.spectra]
        return torch.stack(distances).mean()


class LogMagnitudeLoss(nn.Module):
    """The L1 and squared distance of log10 magnitudes that a decoder predicts, in mel bands and in single bins.

    Needs no phase and no waveform.  Squared error of log magnitudes spends bits where the ear, STOI and phonemes look.
    soft_share: the weight of what is softer than FLOOR, see `vqaudio.nn.stem.compressed`.
    """

    def __init__(
        self,
        sample_rate_hz: int,
        *,
        num_bands: tuple[int, ...] = (128, 40),
        bin_weight: float = 0.3,
        soft_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.sample_rate_hz, self.num_bands, self.bin_weight = sample_rate_hz, num_bands, bin_weight
        self.soft_share = soft_share

    def forward(self, log_magnitudes: Tensor, wanted: Tensor) -> Tensor:
        """Compute the loss of log_magnitudes against wanted, `b t f` natural, 0 for a sinusoid of amplitude 1."""
        size = 2 * (log_magnitudes.shape[-1] - 1)
        given, wanted = torch.exp(log_magnitudes), torch.exp(wanted)
        total = self.bin_weight * self._distance(given, wanted)
        for bands in self.num_bands:
            bank = mel_bands(self.sample_rate_hz, size // 2 + 1, bands).to(given.device)
            total = total + self._distance(given @ bank, wanted @ bank) / len(self.num_bands)
        return total

    def _distance(self, given: Tensor, wanted: Tensor) -> Tensor:
        difference = compressed(given, self.soft_share) - compressed(wanted, self.soft_share)
        return difference.abs().mean() + difference.square().mean()


def recorded_spectrum(audio: Tensor, *, num_frames: int, hop: int, delay_frames: int) -> Tensor:
    """Compute the log magnitudes that a decoder with windows of four hops should predict for audio `b 1 n`.

    Returns `b num_frames f` natural, 0 for a sinusoid of amplitude 1.  Frame j covers the samples from
    (j - delay_frames) * hop on; silence lies around the audio.
    """
    size = OVERLAP * hop
    after = (num_frames - 1 - delay_frames) * hop + size - audio.shape[-1]
    around = F.pad(audio[:, 0], (delay_frames * hop, after))
    window = torch.hann_window(size, device=audio.device)
    amplitudes = torch.fft.rfft(around.unfold(-1, size, hop) * window).abs() / (size / 4)
    return torch.log(amplitudes.clamp(min=SILENT))


class ComplexStftLoss(nn.Module):
    """The complex spectrum's L1 distance relative to the batch's mean magnitude: phase included, at every frequency.

    The batch's mean, not each crop's own level: dividing by the level of a silent crop would blow the loss up.
    """

    def __init__(self, windows: tuple[int, ...] = SPECTRUM_WINDOWS) -> None:
        super().__init__()
        self.windows = nn.ParameterList(nn.Parameter(torch.hann_window(w), requires_grad=False) for w in windows)

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """Compute the loss of decoded against original audio, both `b 1 n`.  Returns a scalar."""
        wanted = [spectrum(original, window) for window in self.windows]
        levels = mean_over_processes(torch.stack([torch.view_as_real(target).abs().mean() for target in wanted]))
        errors = [
            torch.view_as_real(spectrum(decoded, window) - target).abs().mean()
            for window, target in zip(self.windows, wanted, strict=True)
        ]
        return (torch.stack(errors) / levels.clamp(min=1e-4)).mean()


def discriminator_loss(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Compute the least-squares loss of the discriminators.  Source: LSGAN, arXiv:1611.04076, eq. 2."""
    return torch.stack([(1 - r).square().mean() + f.square().mean() for r, f in zip(real, fake, strict=True)]).mean()


def adversarial_loss(fake: list[Tensor]) -> Tensor:
    """Compute the least-squares loss of the generator.  Source: LSGAN, arXiv:1611.04076, eq. 2."""
    return torch.stack([(1 - f).square().mean() for f in fake]).mean()


def feature_matching_loss(real: list[list[Tensor]], fake: list[list[Tensor]]) -> Tensor:
    """Compute the mean L1 distance of discriminator features, relative to their size.

    Source: MelGAN, arXiv:1910.06711, eq. 3.
    """
    pairs = [
        (f, r.detach()) for reals, fakes in zip(real, fake, strict=True) for r, f in zip(reals, fakes, strict=True)
    ]
    sizes = mean_over_processes(torch.stack([r.abs().mean() for _, r in pairs]))
    return (torch.stack([(f - r).abs().mean() for f, r in pairs]) / sizes.clamp(min=1e-3)).mean()


def reencoding_loss(again: Tensor, latents: Tensor) -> Tensor:
    """Compute the squared distance of re-encoded latents to the latents that were decoded, over their variance.

    again, latents: `b d t`.  The latents are the target and get no gradient: else the nearest way would be to make all
    latents alike.
    """
    wanted = latents.detach().float()
    centre = mean_over_processes(wanted.mean(dim=(0, 2), keepdim=True))
    variance = mean_over_processes((wanted - centre).square().mean())
    return (again.float() - wanted).square().mean() / variance.clamp(min=1e-6)
