"""F0 of sound that comes in blocks: every value needs its surroundings alone, so that memory does not grow."""

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.pitch import SILENCE_DB, STEP_S, WINDOW_S, find_periods, longest_period_s

# The gate: the loudest step of so long before and after; beside it a floor under full scale, for pauses that are
# longer, where hum is the loudest there is.
HEARD_S, AHEAD_S = 3.0, 0.1
FLOOR_DB = -70.0
BLOCK_S = 10.0  # of a whole recording, at once

Samples = NDArray[np.floating]
Contour = NDArray[np.float64]


class F0Stream:
    """A stream of F0 in Hz every 10 ms, NaN where unvoiced, as `track_f0` finds it, with a gate of its own.

    Unvoiced is also what is 40 dB softer than the loudest from HEARD_S before to AHEAD_S after, or below FLOOR_DB.
    The values are the same in whatever blocks the sound comes, `delay_steps` late.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self.sample_rate_hz, self._step = sample_rate_hz, round(STEP_S * sample_rate_hz)
        # Samples that a step looks at on either side: the window and the longest period, smoothed, in whole steps.
        self._margin = 2 + round((WINDOW_S + longest_period_s()) / STEP_S)
        self._before, self._after = round(HEARD_S / STEP_S), round(AHEAD_S / STEP_S)
        self._samples = np.zeros(0, np.float32)
        self._start = 0  # the step at which they begin
        self._num_found = self._num_given = 0
        self._f0_hz, self._power = np.zeros(0), np.zeros(self._before)  # from the step on that is given next
        self._num_samples = 0

    @property
    def delay_steps(self) -> int:
        """Steps of 10 ms between sound and its F0."""
        return self._margin + self._after

    def push(self, samples: Samples) -> Contour:
        """Take samples `n`.  Returns the values that became final: `t`."""
        self._samples = np.concatenate([self._samples, np.asarray(samples, np.float32)])
        self._num_samples += len(samples)
        self._find(max(0, self._num_samples // self._step - self._margin))
        return self._give(max(0, self._num_found - self._after))

    def finish(self) -> Contour:
        """Return the rest: in all as many values as there were steps begun."""
        self._find(-(-self._num_samples // self._step))
        self._power = np.pad(self._power, (0, self._after))
        return self._give(self._num_found)

    def _find(self, end: int) -> None:
        """Find periods and powers up to a step."""
        if end <= self._num_found:
            return
        f0_hz, power = find_periods(self._samples, self.sample_rate_hz)
        new = slice(self._num_found - self._start, end - self._start)
        self._f0_hz, self._power = np.append(self._f0_hz, f0_hz[new]), np.append(self._power, power[new])
        self._num_found = end
        start = max(0, end - self._margin)
        self._samples = self._samples[(start - self._start) * self._step :]
        self._start = start

    def _give(self, end: int) -> Contour:
        """Return the values up to a step, gated."""
        from scipy.ndimage import maximum_filter1d  # which no run without pitch loads

        count = end - self._num_given
        if count <= 0:
            return np.zeros(0)
        width = self._before + 1 + self._after
        loudest = maximum_filter1d(self._power, width, mode="constant")[width // 2 :][:count]
        power = self._power[self._before :][:count]
        gate = np.maximum(loudest * 10 ** (SILENCE_DB / 10), 10 ** (FLOOR_DB / 10))
        given = np.where(power > gate, self._f0_hz[:count], np.nan)
        self._f0_hz, self._power, self._num_given = self._f0_hz[count:], self._power[count:], end
        return given


def track_f0_nearby(samples: Samples, sample_rate_hz: int) -> Contour:
    """Track F0 in Hz every 10 ms, NaN where unvoiced, of samples `n` as an `F0Stream` does: `t`."""
    stream, block = F0Stream(sample_rate_hz), round(BLOCK_S * sample_rate_hz)
    parts = [stream.push(samples[at : at + block]) for at in range(0, len(samples), block)]
    return np.concatenate([*parts, stream.finish()])
