"""A loss that compares spectrograms as ViSQOL does, on predicted magnitudes: no phase and no waveform needed."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

NUM_BANDS, LOWEST_HZ = 21, 50.0  # of ViSQOL's speech mode
BAND_WIDTH = 1.019  # of a gammatone filter, in equivalent rectangular bandwidths
SMOOTHING = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)  # of 100 frames a second: spread over time as ViSQOL's 80 ms are
HOP_FRAMES = 2  # 20 ms
SINUSOID = 0.125  # mean square of ViSQOL's windowed sinusoid of amplitude 1, beside the 1.5 of its bins here
FLOOR = -45.0  # as ViSQOL counts, 10 log10 of the amplitude: -90 dB absolute, and below the loudest band of a frame
SILENCE = 1e-12
EDGE, CROSS, CENTRE = 0.0113033910173052, 0.0838251475442633, 0.619485845753726  # ViSQOL's window of 3 x 3
INTENSITY, STRUCTURE = 1e-4, 4.5e-4  # C1 and C3


class SimilarityLoss(nn.Module):
    """One minus the neurogram similarity of decoded and recorded speech, after ViSQOL: 0 is the best.

    Levels in gammatone bands, cut 90 dB under each frame's loudest one, compared over 3 bands x 3 frames by mean and
    correlation.  ViSQOL's search for patches is left out, for decoded speech is aligned.
    Source: Hines et al. 2015, "ViSQOL: an objective speech quality model", EURASIP JASMP 2015:13, eq. 3.
    """

    bank: Tensor
    window: Tensor
    smoothing: Tensor

    def __init__(self, sample_rate_hz: int, num_bins: int) -> None:
        super().__init__()
        hz = np.linspace(0, sample_rate_hz / 2, num_bins)
        bank = torch.tensor(gammatone_powers(hz, highest_hz=sample_rate_hz / 2), dtype=torch.float32)
        window = torch.tensor([[EDGE, CROSS, EDGE], [CROSS, CENTRE, CROSS], [EDGE, CROSS, EDGE]])
        self.register_buffer("bank", bank, persistent=False)
        self.register_buffer("window", window[None, None], persistent=False)
        self.register_buffer("smoothing", torch.tensor(SMOOTHING), persistent=False)

    def forward(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Compute the mean loss of power spectra `b t f`, a sinusoid of amplitude 1 having 1."""
        given, wanted = self._levels(given), self._levels(wanted)
        loudest = torch.maximum(given, wanted).amax(-1, keepdim=True)
        given, wanted = (torch.maximum(levels, loudest + FLOOR) for levels in (given, wanted))
        floor = torch.minimum(given, wanted).amin((1, 2), keepdim=True)
        return 1 - self._similarity(given - floor, wanted - floor).mean()

    def _levels(self, power: Tensor) -> Tensor:
        """Compute levels `b t k`, 10 log10 of the amplitude and FLOOR at least."""
        smooth = (power @ self.bank).unfold(1, len(SMOOTHING), HOP_FRAMES) @ self.smoothing
        return (5 * torch.log10(SINUSOID * smooth + SILENCE)).clamp(min=FLOOR)

    def _similarity(self, given: Tensor, wanted: Tensor) -> Tensor:
        def mean(values: Tensor) -> Tensor:
            return F.conv2d(F.pad(values[:, None], (1, 1, 1, 1), mode="replicate"), self.window)[:, 0]

        means = mean(given), mean(wanted)
        variances = [
            (mean(levels.square()) - centre.square()).clamp(min=0)
            for levels, centre in zip((given, wanted), means, strict=True)
        ]
        together = mean(given * wanted) - means[0] * means[1]
        intensity = (2 * means[0] * means[1] + INTENSITY) / (means[0].square() + means[1].square() + INTENSITY)
        spread = (variances[0] * variances[1] + SILENCE).sqrt()
        return intensity * (together + STRUCTURE) / (spread + STRUCTURE)


def gammatone_powers(hz: np.ndarray, *, highest_hz: float) -> np.ndarray:
    """Compute the power response `f k` of gammatone filters of order 4, 1 at their centres, evenly spaced in ERB.

    Source: Slaney 1993, Apple technical report 35.
    """
    quality, narrowest = 9.26449, 24.7  # Glasberg and Moore
    steps = np.arange(1, NUM_BANDS + 1) / NUM_BANDS
    offset = quality * narrowest
    centres = -offset + np.exp(steps * np.log((LOWEST_HZ + offset) / (highest_hz + offset))) * (highest_hz + offset)
    widths = BAND_WIDTH * (centres / quality + narrowest)
    return (1 + ((hz[:, None] - centres) / widths) ** 2) ** -4
