"""F0 by YIN with an energy gate.

YIN's own aperiodicity decides what is voiced.  `librosa.yin` throws it away, and `librosa.pyin` runs at ten times
real time after half a minute of compilation; this is numpy, at a hundred times real time.
"""

import numpy as np
from numpy.typing import NDArray

LOWEST_HZ = 60.0
HIGHEST_HZ = 400.0
STEP_S = 0.01
WINDOW_S = 0.032
APERIODICITY = 0.2  # a frame is voiced below it; the paper's 0.1 loses a third of what pYIN calls voiced
SMOOTHING_S = 0.001  # a box of 1 ms, twice: hiss must not hide the period.  Source: the paper's low-pass at 1 kHz
SILENCE_DB = -40.0  # below the loudest frame: not voiced


def normalized_differences(samples: NDArray[np.floating], window: int, longest: int, step: int) -> NDArray[np.float64]:
    """Compute YIN's cumulative mean normalized difference: `t longest+1`, lag in samples.  Source: the paper's eq. 7-8.

    d(lag) = sum_j (x_j - x_{j+lag})^2 is two energies less twice a correlation, and the correlation is one FFT.
    """
    reach = window + longest
    padded = np.pad(np.asarray(samples, np.float64), (reach // 2, reach))
    frames = np.lib.stride_tricks.sliding_window_view(padded, reach)[: len(samples) : step]
    n_fft = 1 << (reach + window - 1).bit_length()
    spectrum = np.fft.rfft(frames, n_fft) * np.conj(np.fft.rfft(frames[:, :window], n_fft))
    correlation = np.fft.irfft(spectrum, n_fft)[:, : longest + 1]
    energy = np.pad(np.cumsum(frames**2, axis=1), ((0, 0), (1, 0)))
    moving = energy[:, window : window + longest + 1] - energy[:, : longest + 1]
    difference = np.maximum(moving[:, :1] + moving - 2 * correlation, 0)
    running = np.cumsum(difference[:, 1:], axis=1) / np.arange(1, longest + 1)
    normalized = np.ones_like(difference)
    np.divide(difference[:, 1:], running, out=normalized[:, 1:], where=running > 1e-12)
    return normalized


def track_f0(samples: NDArray[np.floating], sample_rate_hz: int) -> NDArray[np.float64]:
    """Track F0 in Hz every 10 ms, NaN where unvoiced: `t`.

    samples: `n`.  What is softer than the loudest frame of all by 40 dB is unvoiced.
    Source: de Cheveigne and Kawahara 2002, doi:10.1121/1.1458024, steps 1-5.
    """
    f0_hz, power = find_periods(samples, sample_rate_hz)
    return np.where(power > power.max(initial=0) * 10 ** (SILENCE_DB / 10), f0_hz, np.nan)


def longest_period_s() -> float:
    """Return the longest period that is looked for, in seconds."""
    return 1 / LOWEST_HZ


def find_periods(samples: NDArray[np.floating], sample_rate_hz: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Find F0 in Hz every 10 ms, NaN where there is no period, and the power there: two of `t`."""
    step, window = round(STEP_S * sample_rate_hz), round(WINDOW_S * sample_rate_hz)
    shortest, longest = int(sample_rate_hz / HIGHEST_HZ), int(sample_rate_hz / LOWEST_HZ)
    if not len(samples):
        return np.zeros(0), np.zeros(0)
    # Low-pass, then the normalized difference of every lag.
    box = np.ones(round(SMOOTHING_S * sample_rate_hz)) / round(SMOOTHING_S * sample_rate_hz)
    smooth = np.convolve(np.convolve(samples, box), box)[len(box) - 1 :][: len(samples)]
    curve = normalized_differences(smooth, window, longest + 1, step)
    # The period is the first dip under the threshold, refined by a parabola through its neighbours.
    inner = curve[:, shortest : longest + 1]
    is_dip = (inner < APERIODICITY) & (inner <= curve[:, shortest + 1 : longest + 2])
    lag = np.argmax(is_dip, axis=1) + shortest
    rows = np.arange(len(curve))
    before, here, after = curve[rows, lag - 1], curve[rows, lag], curve[rows, lag + 1]
    bend = before - 2 * here + after
    shift = np.divide(before - after, 2 * bend, out=np.zeros_like(bend), where=bend > 1e-12)
    f0_hz = np.where(is_dip.any(axis=1), sample_rate_hz / (lag + np.clip(shift, -1, 1)), np.nan)
    # The power, for the gate.
    padded = np.pad(smooth, (window // 2, window))
    power = (np.lib.stride_tricks.sliding_window_view(padded, window)[: len(samples) : step] ** 2).mean(axis=1)
    return f0_hz, power
