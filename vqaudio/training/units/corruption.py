"""Augmentation for units: additive noise, channel filters, vocal-tract-length perturbation, gaps.

All of it works on the features of a spectral stem, where it costs next to nothing.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from vqaudio.nn.stem import CENTRE, SPREAD

GAP_STEPS = 12  # 120 ms


@dataclass(frozen=True)
class Corruption:
    """The strengths of the augmentations.

    noise_share: of the crops that get noise, whose tilt is drawn.  noise_low_db, noise_high_db: bounds of its magnitude
    in a mel band beside a sinusoid of amplitude 1, uniform (speech at its nominal level: -60 dB on average).
    channel: size of a smooth change of the spectrum, in units of the features' standard deviation.
    warp: largest relative shift of the mel bands, as another vocal tract length would make it.
    gap_share: of the time that is blanked, in gaps of 120 ms.
    """

    noise_share: float = 0.7
    noise_low_db: float = -86.0
    noise_high_db: float = -46.0
    channel: float = 0.15
    warp: float = 0.05
    gap_share: float = 0.2


def corrupted(features: Tensor, how: Corruption) -> Tensor:
    """Augment features `b m t`, by draws of torch's generator."""
    return _with_gaps(_with_noise(_with_channel(_with_tract(features, how), how), how), how)


def _uniform(features: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * torch.rand(len(features), 1, 1, device=features.device)


def warped(features: Tensor, factors: Tensor) -> Tensor:
    """Warp the mel axis of features `b m t` by factors `b`: band i takes its value from band i * factor."""
    num_bands = features.shape[1]
    position = (torch.arange(num_bands, device=features.device) * factors[:, None]).clamp(max=num_bands - 1)
    below = position.floor().long().clamp(max=num_bands - 2)
    share = (position - below)[:, :, None]
    index = below[:, :, None].expand(-1, -1, features.shape[2])
    return torch.gather(features, 1, index) * (1 - share) + torch.gather(features, 1, index + 1) * share


def _with_tract(features: Tensor, how: Corruption) -> Tensor:
    """Perturb the vocal tract length."""
    return warped(features, 1 + _uniform(features, -how.warp, how.warp)[:, 0, 0])


def _with_channel(features: Tensor, how: Corruption) -> Tensor:
    """Apply a channel filter: the sum of four cosines over the bands, the slow ones the largest."""
    angle = torch.linspace(0, torch.pi, features.shape[1], device=features.device)[None, :, None]
    sizes = how.channel * torch.randn(4, len(features), 1, 1, device=features.device)
    response = sum(size / order * torch.cos(order * angle) for order, size in enumerate(sizes, start=1))
    return features + response


def _with_noise(features: Tensor, how: Corruption) -> Tensor:
    """Add noise by power: its level and tilt are drawn for each crop, and every bin of it wavers."""
    is_noisy = _uniform(features, 0, 1) < how.noise_share
    level = 10 ** (_uniform(features, how.noise_low_db, how.noise_high_db) / 20)
    slope = torch.linspace(0.5, -0.5, features.shape[1], device=features.device)[None, :, None]
    tilt = 10 ** (0.7 * torch.randn(len(features), 1, 1, device=features.device) * slope)
    noise = is_noisy * level * tilt * torch.exp(0.3 * torch.randn_like(features))
    speech = 10 ** (features * SPREAD + CENTRE)
    return (torch.log10(torch.hypot(speech, noise)) - CENTRE) / SPREAD


def _with_gaps(features: Tensor, how: Corruption) -> Tensor:
    """Fill gaps with the crop's own mean."""
    begins = torch.rand(len(features), 1, features.shape[2], device=features.device) < how.gap_share / GAP_STEPS
    is_gap = torch.nn.functional.max_pool1d(
        torch.nn.functional.pad(begins.float(), (GAP_STEPS - 1, 0)), GAP_STEPS, stride=1
    )
    mean = features.mean(dim=(1, 2), keepdim=True)
    return torch.where(is_gap > 0, mean, features)
