"""Phases from magnitudes alone: a start from which a few Griffin-Lim iterations do.

A window's transform ties the slopes of the phase to those of the log magnitudes, exactly for a Gaussian window and
nearly for others.  So the phase can be integrated: a peak of the spectrum goes on from its bin in the frame before, and
the bins of its hill follow the peak across frequency.  All frames at once: "which bin of the frame before, and how much
later" is a map, and maps of neighbouring frames are joined in doubling steps.
Sources: slopes, Prusa, Balazs and Sondergaard 2017, "A noniterative method for reconstruction of phase from (the
modulus of) STFT coefficients" (10.1109/TASLP.2017.2678166); peaks that lead their bins, Laroche and Dolson 1999,
"Improved phase vocoder time-scale modification of audio" (10.1109/89.759041).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

TURN = 2 * math.pi
HANN_GAUSSIAN = 0.25645  # time-frequency ratio of the Gaussian nearest to a Hann window, over its length squared
SOFTEST = math.log(1e-10)  # log magnitude: silence has no slope
HILL_DOUBLINGS = 5  # a hill reaches at most 32 bins to each side


def integrate_phases(
    log_magnitudes: Tensor, before: Tensor, phases_before: Tensor, *, hop: int, num_doublings: int | None = None
) -> Tensor:
    """Integrate the phases of frames, `b t f` radians, of a Hann window of 2 (f - 1) samples.

    log_magnitudes: `b t f`, natural, 0 is a sinusoid of amplitude 1.  before, phases_before: `b f`, of the last frame.
    num_doublings: 2 ** num_doublings frames or fewer are joined; as many as t needs if None.
    """
    num_frames, num_bins = log_magnitudes.shape[1:]
    whole = torch.cat([before[:, None], log_magnitudes], dim=1).clamp(min=SOFTEST)
    over_time, over_bins = _slopes(whole, hop)
    across = F.pad((over_bins[..., 1:] + over_bins[..., :-1]) / 2, (1, 0)).cumsum(dim=-1)[:, 1:]
    onward = (over_time[:, 1:] + over_time[:, :-1]) / 2
    leader = _peaks(whole)[:, 1:]
    later = torch.remainder(onward.gather(-1, leader) + across - across.gather(-1, leader), TURN)
    # phase[t, f] = phase[t - 2 ** n, leader[t, f]] + later[t, f], for n = 0, 1, 2, ...; nothing moves before t = 0.
    same = torch.arange(num_bins, device=leader.device)
    for doubling in range(math.ceil(math.log2(num_frames)) if num_doublings is None else num_doublings):
        shift = 2**doubling
        leader_before = F.pad(leader - same, (0, 0, shift, 0))[:, :num_frames] + same
        later = torch.remainder(later + F.pad(later, (0, 0, shift, 0))[:, :num_frames].gather(-1, leader), TURN)
        leader = leader_before.gather(-1, leader)
    return phases_before[:, None].expand_as(later).gather(-1, leader) + later


def _slopes(log_magnitudes: Tensor, hop: int) -> tuple[Tensor, Tensor]:
    """Compute the slopes of the phase, radians a hop and a bin, `b t f` each; phases count from a window's start."""
    num_bins = log_magnitudes.shape[-1]
    n_fft = 2 * (num_bins - 1)
    stretch = HANN_GAUSSIAN * n_fft / hop
    bins = F.pad(log_magnitudes[..., 2:] - log_magnitudes[..., :-2], (1, 1)) / 2
    rise = torch.diff(log_magnitudes, dim=1)
    frames = (torch.cat([rise[:, :1], rise], dim=1) + torch.cat([rise, rise[:, -1:]], dim=1)) / 2
    carrier = torch.arange(num_bins, device=bins.device) * (TURN * hop / n_fft)
    return carrier + bins / stretch, -math.pi - frames * stretch


def _peaks(log_magnitudes: Tensor) -> Tensor:
    """Find the peak on whose hill each bin lies: `b t f` numbers of bins."""
    below = F.pad(log_magnitudes, (1, 0), value=-math.inf)[..., :-1]
    above = F.pad(log_magnitudes, (0, 1), value=-math.inf)[..., 1:]
    here = torch.arange(log_magnitudes.shape[-1], device=log_magnitudes.device).expand(log_magnitudes.shape)
    is_down = (below > log_magnitudes) & (below >= above)
    peak = torch.where(is_down, here - 1, torch.where(above > log_magnitudes, here + 1, here))
    for _ in range(HILL_DOUBLINGS):
        peak = peak.gather(-1, peak)
    return peak
