"""The pitch coder: F0 of every frame as a step on a scale around the speaker's median, and back.

    code   0   1  2  ...  16 | 17  ...  32
    F0     -  -1 octave   median   +1 octave          0: unvoiced; a step is 1/16 octave, 3/4 of a semitone

The median is that of the recording's voiced frames, or one that is given.  A median so far would let the first words
of a recording, which begin high, look like its middle, and the same melody would have other codes early and late.
Frames are kept as F0 until the median is known, which is four bytes each; a stream that cannot wait is given a median,
of a recording of the speaker.  F0 itself needs no more of a recording than its surroundings, see `track_f0_nearby`.

Source: Polyak et al. 2021, arXiv:2104.00355, section 3: quantized F0, normalised by speaker, beside units.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.audio.pitch import STEP_S
from vqaudio.audio.pitch_stream import F0Stream, track_f0_nearby
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid

UNVOICED = 0
OCTAVES = 1.0  # of the scale on either side of the median; what lies beyond has the last step


@dataclass(frozen=True, eq=False)
class Pitch:
    """The pitch of some recordings.

    codes: `b t` int64, 0 for unvoiced frames, then 1 ... num_steps.  median_hz: `b`, of each speaker; 0 for one who was
    never voiced.
    """

    codes: Tensor
    median_hz: Tensor
    num_steps: int

    @property
    def f0_hz(self) -> Tensor:
        """F0 in Hz, 0 where unvoiced: `b t`."""
        return f0_of_codes(self.codes, self.median_hz[:, None], self.num_steps)

    def around(self, median_hz: float | Tensor) -> "Pitch":
        """Return the same melody around another median: a number, or `b`.  Raises VqaudioError for no frequency."""
        medians = torch.as_tensor(median_hz, dtype=self.median_hz.dtype, device=self.median_hz.device)
        if not bool((medians > 0).all()) or not bool(medians.isfinite().all()):
            raise VqaudioError(f"a speaker's median is a frequency above 0 Hz, got {median_hz}")
        return replace(self, median_hz=medians.expand(len(self.codes)))


def encode_pitch(
    audio: Tensor, grid: FrameGrid, num_steps: int, *, lengths: Tensor | None = None, median_hz: float | None = None
) -> Pitch:
    """Encode the pitch of audio `b 1 n`, each row by itself.

    lengths: `b` samples that are real (all, if None).  median_hz: of the speaker; None takes that of each recording.
    """
    num_frames = grid.num_frames(audio.shape[-1])
    codes, medians = torch.zeros(len(audio), num_frames, dtype=torch.int64), torch.zeros(len(audio))
    for row, samples in enumerate(audio[:, 0].detach().float().cpu().numpy()):
        end = len(samples) if lengths is None else int(lengths[row])
        f0_hz = frame_f0(samples[:end], grid)
        median = median_of(f0_hz) if median_hz is None else median_hz
        codes[row, : len(f0_hz)] = torch.from_numpy(codes_of_f0(f0_hz, median, num_steps))
        medians[row] = median
    return Pitch(codes.to(audio.device), medians.to(audio.device), num_steps)


def encode_pitch_of_blocks(blocks: Iterable[NDArray[np.floating]], grid: FrameGrid, num_steps: int) -> Pitch:
    """Encode the pitch of one recording that comes in blocks, as `encode_pitch` does; of the sound it keeps nothing."""
    stream, parts, num_samples = F0Stream(grid.sample_rate_hz), [], 0
    for block in blocks:
        parts.append(stream.push(block))
        num_samples += len(block)
    tracked = np.concatenate([*parts, stream.finish()])
    f0_hz = frame_medians(tracked, grid, grid.num_frames(num_samples))
    median = median_of(f0_hz)
    return Pitch(torch.from_numpy(codes_of_f0(f0_hz, median, num_steps))[None], torch.tensor([median]), num_steps)


def frame_f0(samples: NDArray[np.floating], grid: FrameGrid) -> NDArray[np.float64]:
    """Find F0 in Hz of every frame of samples `n`, NaN where unvoiced: `t`, t = ceil(n / hop).

    It is the median of what was tracked within the frame, its edges included; voiced is what is so for the most part.
    """
    return frame_medians(track_f0_nearby(samples, grid.sample_rate_hz), grid, grid.num_frames(len(samples)))


def frame_medians(tracked: NDArray[np.float64], grid: FrameGrid, num_frames: int) -> NDArray[np.float64]:
    """Find F0 of frames, as `frame_f0`, from what was tracked every 10 ms."""
    steps_per_frame = grid.hop_samples / round(STEP_S * grid.sample_rate_hz)
    per_frame = max(1, round(steps_per_frame))
    first = np.round(np.arange(num_frames) * steps_per_frame).astype(np.int64)
    inside = first[:, None] + np.arange(per_frame + 1)
    padded = np.pad(tracked, (0, max(0, int(inside.max(initial=0)) + 1 - len(tracked))), constant_values=np.nan)
    values = np.sort(padded[inside], axis=1)  # NaN last
    num_voiced = (~np.isnan(values)).sum(axis=1)
    middle = np.maximum(num_voiced - 1, 0)
    rows = np.arange(num_frames)
    medians = np.sqrt(values[rows, middle // 2] * values[rows, (middle + 1) // 2])
    return np.where(2 * num_voiced > per_frame + 1, medians, np.nan)


def median_of(f0_hz: NDArray[np.float64]) -> float:
    """Compute the median of the voiced frames in Hz, 0 where there are none."""
    voiced = f0_hz[~np.isnan(f0_hz)]
    return float(np.median(voiced)) if len(voiced) else 0.0


def codes_of_f0(f0_hz: NDArray[np.float64], median_hz: float, num_steps: int) -> NDArray[np.int64]:
    """Quantize F0 in Hz, NaN where unvoiced, to steps around a median: `t` -> `t`."""
    is_voiced = ~np.isnan(f0_hz)
    ratio = np.divide(f0_hz, median_hz, out=np.ones_like(f0_hz), where=is_voiced)
    steps = np.floor((np.log2(ratio) / OCTAVES + 1) / 2 * num_steps).clip(0, num_steps - 1)
    return np.where(is_voiced, steps + 1, UNVOICED).astype(np.int64)


def f0_of_codes(codes: Tensor, median_hz: Tensor | float, num_steps: int) -> Tensor:
    """Return the middle of each code's step in Hz, 0 where unvoiced; the shape is that of codes."""
    octaves = ((codes - 0.5) / num_steps * 2 - 1) * OCTAVES
    return median_hz * 2**octaves * (codes != UNVOICED)
