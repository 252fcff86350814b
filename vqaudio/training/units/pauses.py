"""Voice activity: pauses, from the loudness of a recording alone."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vqaudio.nn.stem import CENTRE, SPREAD, StemOutput

SMOOTHED_STEPS = 9  # loudness is averaged over; with features at 100 Hz, 90 ms
SHORTEST_STEPS = 12  # of a pause; the closure of a plosive is shorter
BELOW = 0.15  # 3 dB under the threshold between quiet and loud: the ends of words are speech
NUM_ITERATIONS = 10


def loudness(output: StemOutput) -> Tensor:
    """Compute log10 of the mean magnitude over the mel bands, `b t`."""
    mean = (output.features.float() * SPREAD + CENTRE).mul(math.log(10)).logsumexp(dim=1) / math.log(10)
    return mean if output.levels is None else mean + output.levels


def find_pauses(loud: Tensor, is_real: Tensor) -> Tensor:
    """Find pauses, True in the mask `b t`.  loud: `b t` as `loudness` gives it, is_real: `b t`, False for padding.

    A recording's own threshold halves the way between the mean of what is louder and of what is quieter.
    Source: Ridler and Calvard 1978 (10.1109/TSMC.1978.4310039).
    """
    weights = is_real.to(loud)
    half = SMOOTHED_STEPS // 2
    around = F.avg_pool1d(F.pad(torch.stack([loud * weights, weights]), (half, half)), SMOOTHED_STEPS, stride=1)
    level = (around[0] / around[1].clamp(min=1e-6)).where(is_real, 0)
    quiet = level.where(is_real, torch.inf).amin(dim=1, keepdim=True)
    loudest = level.where(is_real, -torch.inf).amax(dim=1, keepdim=True)
    for _ in range(NUM_ITERATIONS):
        is_below = level < (quiet + loudest) / 2
        quiet, loudest = _mean(level, is_below & is_real, quiet), _mean(level, ~is_below & is_real, loudest)
    is_quiet = (level < (quiet + loudest) / 2 - BELOW) | ~is_real
    # Only runs that are long enough: erosion, then dilation.  What lies outside the recording is quiet.
    margin = SHORTEST_STEPS - 1
    whole = -F.max_pool1d(-F.pad(is_quiet.to(loud), (margin, margin), value=1.0), SHORTEST_STEPS, stride=1)
    return F.max_pool1d(whole, SHORTEST_STEPS, stride=1) > 0


def _mean(level: Tensor, chosen: Tensor, otherwise: Tensor) -> Tensor:
    """Average the chosen ones of level `b t`, or otherwise where none is: `b 1`."""
    count = chosen.sum(dim=1, keepdim=True)
    return torch.where(count > 0, (level * chosen).sum(dim=1, keepdim=True) / count.clamp(min=1), otherwise)
