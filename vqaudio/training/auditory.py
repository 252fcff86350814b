"""Losses that listen as the measures of speech quality do, on predicted magnitudes: no phase and no waveform needed.

Both take power spectra `b t f` at 100 frames a second, as a decoder with an inverse-STFT head predicts them.
"""

import numpy as np
import torch
from torch import Tensor, nn

FRAME_RATE_HZ = 100.0  # of the spectra; the measures' own are 62.5 and 78.1
LOUD = 1e7  # power in the speech band to which both signals are brought, P.862 section 10.1.2
SPEECH_HZ = (325.0, 3_250.0)
SILENT_POWER = 1e-7  # -70 dB: what is softer on the whole is not brought up to LOUD
TINY = 1e-12
WINDOW_FRAMES, WINDOW_HOP_FRAMES = 32, 16  # 320 ms: over these the worst frames count most, P.862 section 10.2.11
OCTAVE_BANDS, LOWEST_BAND_HZ = 15, 150.0
SEGMENT_FRAMES, SEGMENT_HOP_FRAMES = 38, 8  # 384 ms, as STOI's 30 frames of 12.8 ms
CLIP = 1 + 10 ** (15 / 20)  # STOI's lower bound of the signal-to-distortion ratio, -15 dB
AUDIBLE_RANGE = 1e-3  # power of a segment beside the loudest one: softer ones are pauses

# The Bark bands of wideband PESQ: bins of 31.25 Hz in each, its centre and width, the correction of its power, and the
# power at the threshold of hearing.  Source: ITU-T P.862, tables of the reference implementation for 16 kHz.
# fmt: off
BAND_BINS = (
    1, 1, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 3, 4, 5, 4, 5, 6, 6, 7, 8,
    9, 9, 12, 12, 15, 16, 18, 21, 25, 20,
)
BAND_CENTRES_BARK = (
    0.079, 0.316, 0.637, 0.961, 1.290, 1.624, 1.963, 2.306, 2.653, 3.006, 3.363, 3.725, 4.092, 4.464, 4.842, 5.224,
    5.611, 6.003, 6.401, 6.804, 7.212, 7.626, 8.045, 8.469, 8.899, 9.335, 9.776, 10.223, 10.676, 11.135, 11.600, 12.070,
    12.547, 13.029, 13.518, 14.013, 14.515, 15.022, 15.536, 16.057, 16.584, 17.117, 17.658, 18.205, 18.758, 19.319,
    19.887, 20.461, 21.043,
)
BAND_WIDTHS_BARK = (
    0.1573, 0.3180, 0.3224, 0.3269, 0.3315, 0.3361, 0.3407, 0.3454, 0.3501, 0.3549, 0.3597, 0.3646, 0.3695, 0.3745,
    0.3796, 0.3847, 0.3898, 0.3950, 0.4002, 0.4055, 0.4109, 0.4163, 0.4218, 0.4273, 0.4329, 0.4385, 0.4442, 0.4500,
    0.4558, 0.4616, 0.4676, 0.4736, 0.4796, 0.4857, 0.4919, 0.4982, 0.5045, 0.5108, 0.5172, 0.5237, 0.5303, 0.5369,
    0.5436, 0.5504, 0.5572, 0.5641, 0.5711, 0.5781, 0.5852,
)
BAND_CORRECTIONS = (
    100, 100, 100, 100, 100, 100, 100, 100, 50, 100, 100, 100, 100, 100, 53.05, 110, 118, 65, 68.76, 70, 71.43, 75,
    76.84, 80.97, 88.65, 63.86, 68.16, 72.55, 75.58, 58.38, 80.95, 64.14, 54.38, 73.82, 64.44, 59.18, 65.52, 61.4,
    58.14, 57, 64.13, 54.31, 61.11, 55.08, 56.85, 55.63, 53.14, 54.99, 79.55,
)
HEARING_THRESHOLDS = (
    5.129e+07, 2.455e+06, 7.079e+04, 4898, 1175, 389, 104.7, 45.71, 17.78, 9.772, 4.898, 3.09, 1.905, 1.259, 0.9772,
    0.7244, 0.5623, 0.4571, 0.389, 0.3311, 0.2951, 0.2692, 0.257, 0.2512, 0.2512, 0.2512, 0.2512, 0.263, 0.2884, 0.309,
    0.3388, 0.3715, 0.3981, 0.4365, 0.4677, 0.4898, 0.5012, 0.5012, 0.5129, 0.5248, 0.5248, 0.5248, 0.5129, 0.4786,
    0.4266, 0.3715, 0.3631, 0.4169, 0.537,
)

# fmt: on
PESQ_BIN_HZ = 31.25
POWER_SCALE, LOUDNESS_SCALE = 6.910853e-6, 1.866055e-1  # Sp and Sl of P.862
WINDOW_GAIN = 16_384.0  # power of a sinusoid of amplitude 1 in its bin of PESQ's Hann window of 512 samples
ZWICKER_POWER = 0.23
# The filter that wideband PESQ puts in place of a telephone: P.862.2.
PRE_FILTER = ((2.740826, -5.4816519, 2.740826), (1.0, -1.9444777, 0.94597794))


class DisturbanceLoss(nn.Module):
    """The perceptual disturbance of decoded beside recorded speech, after PESQ: 0 is none, 4.5 the worst.

    Loudness in Bark bands, the signals brought to one level, slow differences of spectrum and gain partly forgiven,
    what was added counted more than what is missing, and the worst moments most.  PESQ's own alignment in time is left
    out, for decoded speech is aligned.  4.5 less this loss is PESQ before its mapping to opinions.
    Source: ITU-T P.862 section 10 and P.862.2; as a loss, Martín-Doñas et al. 2018 (PMSQE), IEEE SPL 25.
    """

    bank: Tensor
    speech: Tensor
    thresholds: Tensor
    powers: Tensor
    widths: Tensor

    def __init__(self, sample_rate_hz: int, num_bins: int) -> None:
        super().__init__()
        hz = np.linspace(0, sample_rate_hz / 2, num_bins)
        z = np.exp(-2j * np.pi * hz / sample_rate_hz)
        gain = np.abs(np.polyval(PRE_FILTER[0][::-1], z) / np.polyval(PRE_FILTER[1][::-1], z)) ** 2
        edges = (np.concatenate([[0], np.cumsum(BAND_BINS)]) - 0.5) * PESQ_BIN_HZ
        bank = gain[:, None] * _shares(hz, edges[:-1], edges[1:]) * BAND_CORRECTIONS * (POWER_SCALE * WINDOW_GAIN)
        bank[0] = 0.0  # no direct current
        exponents = np.clip(6 / (np.array(BAND_CENTRES_BARK) + 2), 1, 2) ** 0.15 * ZWICKER_POWER
        _register(self, bank=bank, speech=(hz >= SPEECH_HZ[0]) & (hz <= SPEECH_HZ[1]), thresholds=HEARING_THRESHOLDS)
        _register(self, powers=exponents, widths=BAND_WIDTHS_BARK)

    def forward(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Compute the mean disturbance of power spectra `b t f`, a sinusoid of amplitude 1 having 1.

        Both need at least WINDOW_FRAMES frames.
        """
        symmetric, asymmetric = self.disturbances(given, wanted)
        return (0.1 * symmetric + 0.0309 * asymmetric).mean()

    def disturbances(self, given: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the symmetric and the asymmetric disturbance `b` of power spectra `b t f`."""
        given, wanted = (self._levelled(power) @ self.bank for power in (given, wanted))
        # Compensation: of the recorded spectrum on the whole, then of the decoded gain frame by frame.
        is_speech = self._audible(wanted, 100) >= LOUD
        spectra = [
            (power * (power > 100 * self.thresholds) * is_speech[..., None]).mean(1) for power in (given, wanted)
        ]
        wanted = wanted * ((spectra[0] + 1e3) / (spectra[1] + 1e3)).clamp(0.01, 100).unsqueeze(1)
        gains = (self._audible(wanted, 1) + 5e3) / (self._audible(given, 1) + 5e3)
        gains = torch.cat([gains[:, :1], 0.8 * gains[:, 1:] + 0.2 * gains[:, :-1]], dim=1).clamp(3e-4, 5)
        given = given * gains[..., None]
        # Disturbance: the difference of loudness beyond what the louder one masks.
        loud = self._loudness(given), self._loudness(wanted)
        difference = loud[0] - loud[1]
        heard = difference.sign() * (difference.abs() - 0.25 * torch.minimum(*loud)).clamp(min=0)
        added = ((given + 50) / (wanted + 50)) ** 1.2
        added = torch.where(added < 3, 0.0, added.clamp(max=12))
        weight = ((self._audible(wanted, 1) + 1e5) / LOUD) ** 0.04
        return _worst_moments(self._norm(heard, 2) / weight), _worst_moments(self._norm(heard * added, 1) / weight)

    def _levelled(self, power: Tensor) -> Tensor:
        level = ((power * self.speech).sum(-1) / 3).mean(1)  # mean square: a sinusoid has 1.5 in its bins, and 1/2
        return power * (LOUD / (level + SILENT_POWER))[:, None, None]

    def _audible(self, power: Tensor, factor: float) -> Tensor:
        """Add up the power `b t` of the bands that lie so many times above the threshold of hearing."""
        return (power * (power > factor * self.thresholds)).sum(-1)

    def _loudness(self, power: Tensor) -> Tensor:
        """Convert Bark band powers to loudness by Zwicker's law."""
        ratio = 0.5 + 0.5 * power / self.thresholds
        return LOUDNESS_SCALE * ((2 * self.thresholds) ** self.powers * (ratio**self.powers - 1)).clamp(min=0)

    def _norm(self, values: Tensor, degree: float) -> Tensor:
        """Compute the norm `b t` over the bands, the lowest left out, each with its width in Bark."""
        weighted, total = (self.widths * values)[..., 1:].abs(), self.widths[1:].sum()
        return total ** (1 - 1 / degree) * ((weighted**degree).sum(-1) + TINY) ** (1 / degree)


class IntelligibilityLoss(nn.Module):
    """One minus the short-time intelligibility of decoded beside recorded speech, after STOI: 0 is the best.

    The correlation, over 384 ms, of the envelopes of third-octave bands, the decoded ones brought to the recorded ones'
    energy and clipped; segments far below the loudest are pauses and do not count.
    Source: Taal et al. 2011, "An algorithm for intelligibility prediction of time-frequency weighted noisy speech".
    """

    bank: Tensor

    def __init__(self, sample_rate_hz: int, num_bins: int) -> None:
        super().__init__()
        hz = np.linspace(0, sample_rate_hz / 2, num_bins)
        centres = LOWEST_BAND_HZ * 2 ** (np.arange(OCTAVE_BANDS) / 3)
        _register(self, bank=_shares(hz, centres * 2 ** (-1 / 6), centres * 2 ** (1 / 6)))

    def forward(self, given: Tensor, wanted: Tensor) -> Tensor:
        """Compute the mean loss of power spectra `b t f`.  Both need at least SEGMENT_FRAMES frames."""
        x, y = (self._envelopes(power) for power in (wanted, given))  # b s k n: segments, bands, frames
        energy = x.square().sum((2, 3))
        is_speech = (energy > AUDIBLE_RANGE * energy.amax(1, keepdim=True)).float()
        y = torch.minimum(y * x.norm(dim=-1, keepdim=True) / (y.norm(dim=-1, keepdim=True) + TINY), CLIP * x)
        x, y = x - x.mean(-1, keepdim=True), y - y.mean(-1, keepdim=True)
        correlation = (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1) + TINY)
        return 1 - ((correlation.mean(-1) * is_speech).sum(1) / is_speech.sum(1).clamp(min=1)).mean()

    def _envelopes(self, power: Tensor) -> Tensor:
        return (power @ self.bank + TINY).sqrt().unfold(1, SEGMENT_FRAMES, SEGMENT_HOP_FRAMES)


def _worst_moments(disturbance: Tensor) -> Tensor:
    """Pool the disturbance `b t` of frames: degree 6 within 320 ms, then the root mean square.  Returns `b`."""
    windows = disturbance.clamp(max=45).unfold(1, WINDOW_FRAMES, WINDOW_HOP_FRAMES)
    return (((windows**6).mean(-1) + TINY) ** (1 / 3)).mean(1).sqrt()


def _shares(hz: np.ndarray, low_hz: np.ndarray, high_hz: np.ndarray) -> np.ndarray:
    """Make a bank `f k`: the share of each bin, as wide as their spacing, that lies in each band."""
    half = (hz[1] - hz[0]) / 2
    overlap = np.minimum(hz[:, None] + half, high_hz) - np.maximum(hz[:, None] - half, low_hz)
    return overlap.clip(0) / (2 * half)


def _register(module: nn.Module, **tables: object) -> None:
    for name, table in tables.items():
        module.register_buffer(name, torch.tensor(np.asarray(table), dtype=torch.float32), persistent=False)
