"""Networks that tell recorded from decoded speech.

Each discriminator maps audio `b 1 n` to (score map, list of features).
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from vqaudio.audio.spectral import spectrum

PERIODS = (2, 3, 5, 7, 11)  # HiFi-GAN, arXiv:2010.05646
RESOLUTIONS = (256, 512, 1024)  # window samples at 16 kHz: 16, 32, 64 ms
SLOPE = 0.1


class PeriodDiscriminator(nn.Module):
    """Folds the waveform into rows of one period and looks along the columns.

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
        """audio: `b 1 n`."""
        padded = F.pad(audio, (0, -audio.shape[-1] % self.period), mode="reflect")
        return _scored(rearrange(padded, "b c (t p) -> b c t p", p=self.period), self.convs, self.score)


class SpectrumDiscriminator(nn.Module):
    """Looks at the complex short-time spectrum as a picture with two channels.

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
        """audio: `b 1 n`."""
        with torch.autocast(audio.device.type, enabled=False):
            # speech spans 60 dB: the power 0.3 of the magnitude brings its weak parts into view
            values = torch.view_as_real(spectrum(audio.float(), self.window))
            size = (values.square().sum(dim=-1, keepdim=True) + 1e-8).sqrt()
            picture = rearrange(values * size**-0.7, "b f t c -> b c f t")
        return _scored(picture, self.convs, self.score)


class Discriminators(nn.Module):
    """All of them: five periods and three resolutions."""

    def __init__(self, *, period_width: int = 32, spectrum_width: int = 32) -> None:
        super().__init__()
        self.members = nn.ModuleList(
            [PeriodDiscriminator(period, period_width) for period in PERIODS]
            + [SpectrumDiscriminator(window, spectrum_width) for window in RESOLUTIONS]
        )

    def forward(self, audio: Tensor) -> tuple[list[Tensor], list[list[Tensor]]]:
        """audio: `b 1 n`.  Returns the scores and the features of every member."""
        judged = [member(audio) for member in self.members]
        return [score for score, _ in judged], [features for _, features in judged]


def _scored(x: Tensor, convs: nn.ModuleList, score: nn.Module) -> tuple[Tensor, list[Tensor]]:
    features = []
    for conv in convs:
        x = F.leaky_relu(conv(x), SLOPE)
        features.append(x)
    return score(x), features
