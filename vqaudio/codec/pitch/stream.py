"""Pitch of one recording that comes in blocks and is encoded at its end, when its median is known."""

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.pitch_stream import BLOCK_S, F0Stream
from vqaudio.codec.pitch.coder import Pitch, codes_of_f0, frame_medians, median_of
from vqaudio.core.units import FrameGrid


class PitchEncoder:
    """An encoder of the pitch of one recording, around the median of its voiced frames, as `encode_pitch` does it.

    F0 is tracked in blocks of one size, as there, in whatever blocks the sound comes: so the codes are the same, bit
    for bit.  Of the sound it keeps one block, of F0 100 values a second.
    """

    def __init__(self, grid: FrameGrid, num_steps: int) -> None:
        self.grid, self.num_steps = grid, num_steps
        self._stream, self._size = F0Stream(grid.sample_rate_hz), round(BLOCK_S * grid.sample_rate_hz)
        self._waiting: list[NDArray[np.float32]] = []  # samples since the last whole block
        self._num_waiting = self._num_samples = 0
        self._tracked: list[NDArray[np.float64]] = []

    def push(self, samples: NDArray[np.float32]) -> None:
        """Take more samples `n`."""
        self._waiting.append(np.array(samples, dtype=np.float32))
        self._num_waiting, self._num_samples = self._num_waiting + len(samples), self._num_samples + len(samples)
        if self._num_waiting >= self._size:
            joined = np.concatenate(self._waiting)
            whole = len(joined) - len(joined) % self._size
            self._tracked += [self._stream.push(joined[at : at + self._size]) for at in range(0, whole, self._size)]
            self._waiting, self._num_waiting = [joined[whole:].copy()], len(joined) - whole

    def finish(self) -> Pitch:
        """Encode the pitch of all that came: codes `1 t`."""
        if self._num_waiting:
            self._tracked.append(self._stream.push(np.concatenate(self._waiting)))
        tracked = np.concatenate([*self._tracked, self._stream.finish()])
        f0_hz = frame_medians(tracked, self.grid, self.grid.num_frames(self._num_samples))
        median_hz = median_of(f0_hz)
        codes = codes_of_f0(f0_hz, median_hz, self.num_steps)
        return Pitch(torch.from_numpy(codes)[None], torch.tensor([median_hz]), self.num_steps)
