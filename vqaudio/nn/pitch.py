"""Pitch conditioning of the decoder: an embedding of the pitch code, and the harmonics of F0 in the spectrum.

    log |X(t, f)|  =  what the network says  +  gain(t, band of f) * harmonics(f; F0(t))

The network need not learn where the harmonics of an F0 lie in 321 bins, only how strong they stand out of the noise in
each band: the first is known.

Source of harmonics given by F0: neural source-filter models, Wang et al. 2019, arXiv:1904.12088; here they are the
spectrum of the window at each harmonic.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FLOOR = 0.02  # between harmonics, beside their peaks
NUM_BANDS = 16
FRAMES_UNDER = 2  # frames that the window of a spectrum reaches beyond the one that it begins in
FIRST_BAND_HZ = 200.0  # width of the lowest band; the others widen with the mel scale


class PitchTrack(NamedTuple):
    """The pitch of the frames that a decoder gets: codes `b t` int64, F0 `b t` in Hz, 0 where unvoiced."""

    codes: Tensor
    f0_hz: Tensor


class PitchConditioning(nn.Module):
    """Pitch conditioning for a decoder with an inverse-STFT head.

    num_steps: of the pitch code.  There are two more rows: unvoiced, 0, and the last, for no pitch given.
    dropout: the share of recordings in training that are given none.
    """

    bins_hz: Tensor
    band_shares: Tensor

    def __init__(
        self, num_steps: int, *, width: int, sample_rate_hz: int, n_fft: int, upsampling: int, dropout: float
    ) -> None:
        super().__init__()
        self.num_steps, self.dropout, self.upsampling = num_steps, dropout, upsampling
        self.bin_hz = sample_rate_hz / n_fft
        self.embedding = nn.Embedding(num_steps + 2, width)
        self.gains = nn.Linear(width, NUM_BANDS)
        nn.init.normal_(self.embedding.weight, std=0.02)
        nn.init.zeros_(self.gains.weight)
        nn.init.constant_(self.gains.bias, 0.3)
        hz = torch.arange(n_fft // 2 + 1) * self.bin_hz
        self.register_buffer("bins_hz", hz, persistent=False)
        self.register_buffer("band_shares", _triangles(hz), persistent=False)

    @property
    def none_given(self) -> int:
        """The code of a frame whose pitch is not given."""
        return self.num_steps + 1

    def without(self, batch: int, num_frames: int) -> PitchTrack:
        """Make the track of recordings whose pitch is not given."""
        codes = torch.full((batch, num_frames), self.none_given, device=self.bins_hz.device)
        return PitchTrack(codes, self.bins_hz.new_zeros(batch, num_frames))

    def drop_out(self, track: PitchTrack) -> PitchTrack:
        """Take the pitch from a share of the recordings, in training."""
        is_dropped = torch.rand(len(track.codes), 1, device=track.codes.device) < self.dropout
        if not self.training:
            return track
        return PitchTrack(track.codes.masked_fill(is_dropped, self.none_given), track.f0_hz * ~is_dropped)

    def embed(self, codes: Tensor) -> Tensor:
        """Look up the embeddings `b d t` of pitch codes `b t`."""
        return self.embedding(codes).transpose(1, 2)

    def ripple(self, x: Tensor, f0_hz: Tensor) -> Tensor:
        """Compute what harmonics add to log magnitudes, `b t*upsampling f`.

        x: `b d t*upsampling`, what the head gets.  f0_hz: `b t + 2`, see `spectrum_f0`.
        """
        spectra_hz, voiced = spectrum_f0(f0_hz, self.upsampling)
        with torch.autocast(x.device.type, enabled=False):
            shape = harmonics(self.bins_hz, spectra_hz, self.bin_hz) * voiced[..., None]
            return self.gains(x.transpose(1, 2).float()) @ self.band_shares * shape


def spectrum_f0(f0_hz: Tensor, upsampling: int) -> tuple[Tensor, Tensor]:
    """Interpolate the F0 `b t + FRAMES_UNDER` of frames to the middle of every spectrum: F0 and voiced share.

    Spectrum m, which begins m hops after frame 0 and is 4 hops long, has its middle at (m + 2) / upsampling - 1/2
    frames, counted from the middle of frame 0.  Returns two of `b t*upsampling`.
    """
    num_frames = f0_hz.shape[1] - FRAMES_UNDER
    middles = (torch.arange(upsampling, device=f0_hz.device) + 2) / upsampling - 0.5
    whole, share = middles.floor().long(), middles - middles.floor()
    places = torch.arange(num_frames, device=f0_hz.device)[:, None] + whole
    before, after = f0_hz[:, places], f0_hz[:, (places + 1).clamp(max=f0_hz.shape[1] - 1)]
    weights = (before > 0) * (1 - share), (after > 0) * share
    voiced = weights[0] + weights[1]
    logs = weights[0] * before.clamp(min=1).log() + weights[1] * after.clamp(min=1).log()
    return (logs / voiced.clamp(min=1e-6)).exp().flatten(1), voiced.flatten(1)


def harmonics(bins_hz: Tensor, f0_hz: Tensor, bin_hz: float) -> Tensor:
    """Compute the log magnitude of equally strong harmonics under a Hann window, less its mean: `b t f`.

    bins_hz: `f`.  f0_hz: `b t`, above 0.  Of each bin the two nearest harmonics count, the first one at F0.
    """
    position = bins_hz / f0_hz.clamp(min=2 * bin_hz)[..., None]
    below = position.floor()
    spacing = f0_hz.clamp(min=2 * bin_hz)[..., None] / bin_hz
    left, right = (_hann_power((position - number) * spacing) for number in (below, below + 1))
    power = left * (below > 0) + right + FLOOR**2
    logs = power.log() / 2
    return logs - logs.mean(dim=-1, keepdim=True)


def _hann_power(bins: Tensor) -> Tensor:
    """Compute the power of a Hann window's spectrum so many bins away from its middle, where it is 1."""
    away = bins.abs().clamp(max=2)  # of the main lobe
    near_one = (away - 1).abs() < 1e-3
    away = torch.where(near_one, away + 2e-3, away)
    return (torch.sinc(away) / (1 - away.square())).square()


def _triangles(bins_hz: Tensor) -> Tensor:
    """Make the shares of the bands, equally spaced on the mel scale, in each bin: `bands f`; they add up to 1."""
    mel = torch.log1p(bins_hz / FIRST_BAND_HZ)
    places = mel / mel[-1] * (NUM_BANDS - 1)
    return F.relu(1 - (places - torch.arange(NUM_BANDS)[:, None]).abs())
