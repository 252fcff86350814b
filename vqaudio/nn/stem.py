"""A spectral stem: the first strided convolution of an encoder, with fixed instead of learned kernels."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.core.mel import mel_filter_bank
from vqaudio.nn.conv import State

FLOOR = 2e-4  # amplitude of a sinusoid: -74 dB; weaker parts of speech are inaudible beside the rest
SOFT_FLOOR = 1e-5  # -100 dB: of a second logarithm, in which soft sounds are told from silence
TINY = 1e-16  # power: keeps the gradient of the square root finite in silence
CENTRE, SPREAD = -3.0, 0.7  # about the mean and the standard deviation of the features over read speech

QUIETEST = -5.0  # log10 amplitude: -100 dB, what is left of digital silence; below it there is no level to follow
NOMINAL = -1.2  # log10 amplitude: the level that speech is brought to, about its mean in read speech
RELEASE_PER_S = 0.5  # log10 amplitude: 10 dB, so that a pause between words hardly moves the level
PEAK_RELEASE_PER_S = 5.0  # 100 dB: what a click leaves behind is gone after half a second


class StemOutput(NamedTuple):
    """Features `b m t` · levels `b t`, log10 amplitude over the nominal level, or None without a level split."""

    features: Tensor
    levels: Tensor | None


class SpectralStem(nn.Module):
    """A log-mel front end, `b 1 n` -> `b m n/hop`: log mel magnitudes of causal windows.

    A convolution with windowed cosines and sines, stride `hop`, computed by a fast Fourier transform; then the
    magnitude of each pair, mel bands, and a logarithm as the activation: what the ear, STOI and phonemes look at, from
    the first step of training on.  With has_level_split the features are those of the signal brought to a nominal
    level, and the level comes beside them: features then do not depend on the volume.
    sustain_frames: see `LevelFollower`.  soft_share: see `compressed`.
    Source: learnable front ends start from the same filters, arXiv:2101.08596; mel bands: O'Shaughnessy 1987.
    """

    window: Tensor
    bands: Tensor

    def __init__(
        self,
        sample_rate_hz: int,
        *,
        window_samples: int,
        hop: int,
        num_bands: int,
        has_level_split: bool = False,
        sustain_frames: int = 0,
        soft_share: float = 0.0,
    ) -> None:
        super().__init__()
        self.soft_share = soft_share
        if window_samples < hop:
            raise VqaudioError(f"a window of {window_samples} samples leaves gaps at a hop of {hop}")
        self.window_samples, self.stride, self.context = window_samples, hop, window_samples - hop
        window = torch.hann_window(window_samples)
        self.register_buffer("window", window / (window.sum() / 2), persistent=False)
        self.register_buffer("bands", mel_bands(sample_rate_hz, window_samples // 2 + 1, num_bands), persistent=False)
        self.follower = LevelFollower(sample_rate_hz / hop, sustain_frames) if has_level_split else None

    def zero_state(self, batch: int) -> State:
        """Make the state before the first sample: past samples `b 1 context`, and the level's state or None."""
        samples = self.window.new_zeros(batch, 1, self.context)
        return samples, None if self.follower is None else self.follower.zero_state(samples)

    def step(self, audio: Tensor, state: State) -> tuple[StemOutput, State]:
        """Compute features and levels, t = n/hop, of audio `b 1 n`, n a multiple of the hop, and the next state."""
        samples, level = state
        joined = torch.cat([samples, audio.float()], dim=-1)
        with torch.autocast(audio.device.type, enabled=False):
            frames = joined[:, 0].unfold(-1, self.window_samples, self.stride)
            spectra = torch.fft.rfft(frames * self.window)
            power = spectra.real.square() + spectra.imag.square()  # abs() of a complex number costs four times that
            output, level = self.features_from_power(power, level)
        return output, (joined[..., joined.shape[-1] - self.context :], level)

    def features_from_power(self, power: Tensor, level: Tensor | None) -> tuple[StemOutput, Tensor | None]:
        """Compute features and levels from a power spectrogram.

        power: `b t f` of windows as `step` cuts them, a sinusoid of amplitude 1 having 1; level: the state, `b 1`.
        Returns the output and the next state.
        """
        mels, levels = (power + TINY).sqrt() @ self.bands, None
        if self.follower is not None:
            assert level is not None, "a stem that follows the level needs the level before"
            # A sinusoid of amplitude a has the power a^2 (1 + 1/4 + 1/4) in the three bins of its window.
            levels, level = self.follower.step(power.sum(dim=-1) / 1.5, level)
            levels = levels - NOMINAL
            mels = mels * torch.pow(10.0, -levels).unsqueeze(-1)
        features = ((compressed(mels, self.soft_share) - CENTRE) / SPREAD).transpose(1, 2)
        return StemOutput(features, levels), level

    def forward(self, audio: Tensor) -> StemOutput:
        """Run `step` from a zero state."""
        return self.step(audio, self.zero_state(audio.shape[0]))[0]


class LevelFollower(nn.Module):
    """A peak level meter, log10 amplitude of the signal so far: rises at once, falls slowly.

        level(t) = max over s <= t of  log10 amplitude(s) - release * (t - s)

    A change of volume moves every level by the same amount, so the signal divided by its level does not change at all.
    It is causal and needs one number of memory: a peak programme meter (IEC 60268-10) on a logarithmic scale.
    With sustain_frames only what lasts so long, the least of so many amplitudes, falls that slowly; a shorter peak, a
    click, falls ten times as fast, and the level is the higher of the two.
    """

    def __init__(self, frame_rate_hz: float, sustain_frames: int = 0) -> None:
        super().__init__()
        self.sustain_frames = sustain_frames
        self.release, self.peak_release = RELEASE_PER_S / frame_rate_hz, PEAK_RELEASE_PER_S / frame_rate_hz

    def zero_state(self, like: Tensor) -> Tensor:
        """Make the state after endless silence for signals `b ...` like this one.

        `b 1`, the level; with sustain_frames `b s+1`: what lasted, the peak, and the last s - 1 amplitudes.
        """
        return like.new_full((like.shape[0], 1 + self.sustain_frames), QUIETEST)

    def step(self, power: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Follow the level of frames of power `b t`, squared amplitude.  Returns levels `b t` and the next state."""
        loudness = 0.5 * torch.log10(power.clamp(min=10 ** (2 * QUIETEST)))
        if not self.sustain_frames:
            levels = self._fall(loudness, state, self.release)
            return levels, levels[:, -1:]
        joined = torch.cat([state[:, 2:], loudness], dim=-1)
        lasting = -F.max_pool1d(-joined[:, None], self.sustain_frames, stride=1)[:, 0]
        held = self._fall(lasting, state[:, :1], self.release)
        peaks = self._fall(loudness, state[:, 1:2], self.peak_release)
        recent = joined[:, joined.shape[-1] - self.sustain_frames + 1 :]
        return torch.maximum(held, peaks), torch.cat([held[:, -1:], peaks[:, -1:], recent], dim=-1)

    def _fall(self, loudness: Tensor, level: Tensor, release: float) -> Tensor:
        """Follow amplitudes `b t` from a level `b 1` on: rises at once, falls by the release in each frame."""
        fallen = release * torch.arange(loudness.shape[-1] + 1, device=loudness.device)
        levels = self._running_maximum(torch.cat([level, loudness], dim=-1) + fallen) - fallen
        return levels[:, 1:].clamp(min=QUIETEST)

    def _running_maximum(self, values: Tensor) -> Tensor:
        """Compute the largest of values `b t` so far."""
        return torch.cummax(values, dim=-1).values


def compressed(amplitudes: Tensor, soft_share: float) -> Tensor:
    """Take log10 of amplitudes: its slope is 1 above FLOOR, and soft_share from there down to SOFT_FLOOR.

    So soft sounds come back as what they are, and speech keeps most of the weight.
    """
    loud = torch.log10(amplitudes + FLOOR)
    return loud if not soft_share else (1 - soft_share) * loud + soft_share * torch.log10(amplitudes + SOFT_FLOOR)


def mel_bands(sample_rate_hz: int, num_bins: int, num_bands: int) -> Tensor:
    """Make a bank of mel bands `f m`, each the average of its bins, the narrow ones widened to the bins around."""
    bank = mel_filter_bank(sample_rate_hz, num_bins, num_bands, norm="average", is_widened=True)
    return torch.from_numpy(bank).T.contiguous()
