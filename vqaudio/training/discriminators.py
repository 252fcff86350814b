"""Discriminators: networks that separate recorded from decoded speech.

Some read the waveform, audio `b 1 n`; others the natural log magnitudes `b t f` that a decoder predicts, which
need no phase and no waveform: what a CPU can afford.  Each maps its input to (score map, list of features).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from vqaudio.audio.spectral import spectrum
from vqaudio.core.errors import VqaudioError
from vqaudio.nn.stem import CENTRE, FLOOR, SPREAD, mel_bands

PERIODS = (2, 3, 5, 7, 11)  # HiFi-GAN, arXiv:2010.05646
RESOLUTIONS = (256, 512, 1024)  # window samples at 16 kHz: 16, 32, 64 ms
BANDS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)  # edges as shares of the bins: DAC, arXiv:2306.06546, section 3.3
NUM_MELS = 80
SLOPE = 0.1


@dataclass(frozen=True)
class DiscriminatorConfig:
    """The choice and the sizes of the discriminators.

    kind: `none`, `waveform` (five periods, three resolutions) or `spectrum` (five bands of bins, and mel bands).

    period_width, spectrum_width: channels of a discriminator's first layer; later ones have a multiple.
    rate_ratio: their learning rate over the codec's; small ones learn too slowly at the codec's own.
    """

    kind: str = "none"
    period_width: int = 32
    spectrum_width: int = 32
    rate_ratio: float = 1.0


class PeriodDiscriminator(nn.Module):
    """A discriminator of the waveform folded into rows of one period, with convolutions along the columns.

    Source: HiFi-GAN, arXiv:2010.05646, section 2.3.
    """

    def __init__(self, period: int, width: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, width, 2 * width, 4 * width, 8 * width, 8 * width)
        strides = (3, 3, 3, 3, 1)
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (5, 1), (stride, 1), padding=(2, 0)))
            for before, after, stride in zip(widths, widths[1:], strides, strict=False)
        )
        self.score = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Score audio `b 1 n`.  Returns the score map and the features of every layer."""
        padded = F.pad(audio, (0, -audio.shape[-1] % self.period), mode="reflect")
        return _scored(rearrange(padded, "b c (t p) -> b c t p", p=self.period), self.convs, self.score)


class SpectrumDiscriminator(nn.Module):
    """A discriminator of the complex short-time spectrum, an image with two channels.

    Source: EnCodec, arXiv:2210.13438, section 3.4, and DAC, arXiv:2306.06546.
    """

    window: Tensor

    def __init__(self, window_samples: int, width: int) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(window_samples), persistent=False)
        strides = ((1, 1), (2, 1), (2, 1), (2, 2), (1, 1))
        self.convs = nn.ModuleList(
            weight_norm(
                nn.Conv2d(2 if at == 0 else width, width, (7, 5) if at == 0 else (5, 3), stride, padding=(2, 1))
            )
            for at, stride in enumerate(strides)
        )
        self.score = weight_norm(nn.Conv2d(width, 1, (3, 3), padding=(1, 1)))

    def forward(self, audio: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Score audio `b 1 n`.  Returns the score map and the features of every layer."""
        with torch.autocast(audio.device.type, enabled=False):
            # speech spans 60 dB: the power 0.3 of the magnitude brings its weak parts into view
            values = torch.view_as_real(spectrum(audio.float(), self.window))
            size = (values.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
            picture = rearrange(values * size**-0.7, "b f t c -> b c f t")
        return _scored(picture, self.convs, self.score)


class MagnitudeDiscriminator(nn.Module):
    """A discriminator of log magnitudes, an image `b 1 t f`: of one band of the bins, or of mel bands of all of them.

    band: its edges as shares of the bins; None for mel bands, a coarser image with a wider receptive field.
    Source: the bands of DAC, arXiv:2306.06546, section 3.3, without phases.
    """

    def __init__(self, sample_rate_hz: int, width: int, *, band: tuple[float, float] | None) -> None:
        super().__init__()
        self.sample_rate_hz, self.band = sample_rate_hz, band
        widths, strides = (1, width, 2 * width, 4 * width, 4 * width), ((1, 2), (2, 2), (2, 2), (1, 1))
        self.convs = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (3, 5), stride, padding=(1, 2)))
            for before, after, stride in zip(widths, widths[1:], strides, strict=False)
        )
        self.score = weight_norm(nn.Conv2d(widths[-1], 1, (3, 3), padding=(1, 1)))

    def forward(self, log_magnitudes: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Score natural log_magnitudes `b t f`, 0 for a sinusoid of amplitude 1."""
        with torch.autocast(log_magnitudes.device.type, enabled=False):
            # on the scale of the encoder's features
            picture = (torch.log10(self._amplitudes(log_magnitudes) + FLOOR) - CENTRE) / SPREAD
        x = picture.unsqueeze(1).contiguous(memory_format=torch.channels_last)  # half the time on a CPU
        return _scored(x, self.convs, self.score)

    def _amplitudes(self, log_magnitudes: Tensor) -> Tensor:
        num_bins = log_magnitudes.shape[-1]
        if self.band is None:
            return log_magnitudes.exp() @ mel_bands(self.sample_rate_hz, num_bins, NUM_MELS).to(log_magnitudes.device)
        low, high = (round(edge * num_bins) for edge in self.band)
        return log_magnitudes[..., low:high].exp()


class Discriminators(nn.Module):
    """Several discriminators of the same output of a codec: `waveform` or `spectrum`."""

    def __init__(self, place: str, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.place, self.members = place, nn.ModuleList(members)

    def forward(self, signal: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """Score audio `b 1 n` or log magnitudes `b t f`.  Returns the scores and the features of every member."""
        outputs = [member(signal) for member in self.members]
        return [score for score, _ in outputs], [features for _, features in outputs]


def build_discriminators(
    config: DiscriminatorConfig, *, sample_rate_hz: int, compared: Sequence[str]
) -> Discriminators | None:
    """Build discriminators with fresh weights; None for the kind `none`.

    compared: names of the comparisons that the losses make.  Raises VqaudioError for an unknown kind, and
    for one whose input is not compared: the verdict has a share of that comparison's gradient.
    """
    members: list[nn.Module] = []
    if config.kind == "none":
        return None
    if config.kind == "waveform":
        members += [PeriodDiscriminator(period, config.period_width) for period in PERIODS]
        members += [SpectrumDiscriminator(window, config.spectrum_width) for window in RESOLUTIONS]
    elif config.kind == "spectrum":
        bands = [*itertools.pairwise(BANDS), None]
        members += [MagnitudeDiscriminator(sample_rate_hz, config.spectrum_width, band=band) for band in bands]
    else:
        raise VqaudioError(f"unknown discriminators kind {config.kind!r}; valid are none, spectrum, waveform")
    if config.kind not in compared:
        wanted = {"waveform": "losses.mel or losses.waveform", "spectrum": "losses.spectrum"}[config.kind]
        raise VqaudioError(
            f"discriminators of kind {config.kind} need {wanted} above 0, beside which they are balanced"
        )
    return Discriminators(config.kind, members)


def _scored(x: Tensor, convs: nn.ModuleList, score: nn.Module) -> tuple[Tensor, list[Tensor]]:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        features.append(x)
    return score(x), features
