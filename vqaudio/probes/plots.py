"""Plots of codes and phones, by matplotlib (extra `plots`).  Every function returns a figure; nothing is shown."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.probes.counts import Counts
from vqaudio.probes.phone_classes import MANNER, PLACE, classes_of, phone_order
from vqaudio.probes.tables import class_confusion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# (what, bits a second = log2(K) x frames a second, PNMI).  Source: Hsu et al. 2021, arXiv:2106.07447, table V: k-means
# of MFCC, K = 100 and 500, 100 frames a second.
PUBLISHED = (("MFCC, K=100", math.log2(100) * 100, 0.255), ("MFCC, K=500", math.log2(500) * 100, 0.287))
# The same source: k-means of the better HuBERT layers, 50 frames a second.
HUBERT_PNMI, HUBERT_BPS = (0.56, 0.70), (math.log2(100) * 50, math.log2(500) * 50)
SPECTROGRAM_WINDOW_S, SPECTROGRAM_HOP_S, SPECTROGRAM_RANGE_DB = 0.016, 0.004, 70
MANY_CODES = 10_000  # that occur: more cannot be seen in a heat map


def phone_given_code(counts: Counts, names: Sequence[str]) -> "Figure":
    """Plot P(phone | code): phones by manner and place, codes by their most likely phone.  counts: `v p`."""
    order = phone_order(names)
    used = counts[counts.sum(axis=1) > 0][:, order]
    shares = used / used.sum(axis=1, keepdims=True)
    best = shares.argmax(axis=1)
    shares = shares[np.lexsort((-shares.max(axis=1), best))][:MANY_CODES]
    figure = new_figure(8.0, max(3.0, 0.16 * len(names)))
    axes = figure.add_subplot()
    image = axes.imshow(shares.T, aspect="auto", interpolation="nearest", cmap="Blues", vmin=0, vmax=1)
    axes.set_yticks(range(len(names)), [names[int(number)] for number in order], fontsize=8)
    axes.set_xlabel(f"{len(used)} codes that occur, by their most likely phone")
    axes.set_title("P(phone | code)")
    figure.colorbar(image, ax=axes, fraction=0.03)
    return figure


def class_confusions(counts: Counts, names: Sequence[str]) -> "Figure":
    """Plot two confusion matrices, by manner and by place of articulation.

    Each holds, of a class's frames, the share read as each class.  counts: `v p`.
    """
    figure = new_figure(10.0, 4.6)
    for panel, (title, table) in enumerate((("manner", MANNER), ("place", PLACE)), 1):
        classes, numbers = classes_of(names, table)
        shares = class_confusion(counts, numbers, len(classes)).astype(np.float64)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
        axes = figure.add_subplot(1, 2, panel)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        axes.set_xticks(range(len(classes)), classes, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(classes)), classes, fontsize=8)
        for row, column in np.ndindex(*shares.shape):
            ink = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", fontsize=7, color=ink)
        axes.set_title(f"{title}: percent of a row's frames")
        axes.set_xlabel("read as")
        axes.set_ylabel("spoken" if panel == 1 else "")
    return figure


def pnmi_against_bitrate(points: Mapping[str, tuple[float, float]]) -> "Figure":
    """Plot PNMI over log2(v) bits a second beside published figures.

    points: name -> (bits a second, PNMI).
    """
    figure = new_figure(6.4, 4.2)
    axes = figure.add_subplot()
    low, high = HUBERT_PNMI
    axes.fill_between(
        HUBERT_BPS, low, high, color="0.5", alpha=0.4, linewidth=0, label="HuBERT layers, K=100 to 500 (published)"
    )
    for mark, (name, bits, value) in zip("x+", PUBLISHED, strict=True):
        axes.plot(bits, value, mark, color="0.5", label=f"{name} (published)")
    for name, (bits, value) in points.items():
        axes.plot(bits, value, "o", label=name)
    axes.set_ylim(0, 1)
    axes.set_xlabel("bits a second, log2(K) x frames a second")
    axes.set_ylabel("PNMI")
    axes.set_title("other corpora, aligners and label sets: compare with care", fontsize=8)
    axes.set_xlim(left=0)
    axes.legend(fontsize=7)
    return figure


def code_timeline(
    samples: NDArray[np.floating],
    sample_rate_hz: int,
    codes: NDArray[np.integer],
    frame_rate_hz: float,
    intervals: Sequence[Interval],
) -> "Figure":
    """Plot a spectrogram with phone labels above the codes on the same time axis.  samples: `n`; codes: `t`.

    Raises VqaudioError for a recording shorter than a window of the spectrogram.
    """
    seconds = len(samples) / sample_rate_hz
    figure = new_figure(max(6.0, 4.5 * seconds), 4.2)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    levels = spectrogram_db(samples, sample_rate_hz)
    above.imshow(levels, origin="lower", aspect="auto", cmap="Greys", extent=(0, seconds, 0, sample_rate_hz / 2000))
    above.set_ylabel("kHz")
    for interval in intervals:
        above.axvline(interval.start_s, color="black", linewidth=0.5)
        middle_s = (interval.start_s + interval.end_s) / 2
        above.text(middle_s, sample_rate_hz / 2000, interval.label, fontsize=8, ha="center", va="bottom")
    _draw_codes(below, codes, frame_rate_hz)
    for interval in intervals:
        below.axvline(interval.start_s, color="black", linewidth=0.5)
    below.set_xlim(0, seconds)
    below.set_xlabel("seconds")
    return figure


def _draw_codes(axes: "Axes", codes: NDArray[np.integer], frame_rate_hz: float) -> None:
    """Draw a strip of colours, one for each code, with the number of every run of two frames or more."""
    from vqaudio.tokens.runs import to_runs

    # Neighbouring numbers mean nothing: colours are scattered by a multiplication, not ordered.
    colours = (codes.astype(np.int64) * 7919 % 1009) / 1009
    extent = (0, len(codes) / frame_rate_hz, 0, 1)
    axes.imshow(
        colours[None], aspect="auto", interpolation="nearest", cmap="hsv", vmin=0, vmax=1, extent=extent, alpha=0.7
    )
    values, lengths = to_runs(codes)
    ends = np.cumsum(lengths)
    for value, length, end in zip(values, lengths, ends, strict=True):
        if length > 1:
            axes.text((end - length / 2) / frame_rate_hz, 0.5, str(value), fontsize=5, ha="center", rotation=90)
    axes.set_yticks([])
    axes.set_ylabel("codes")


def spectrogram_db(samples: NDArray[np.floating], sample_rate_hz: int) -> NDArray[np.float64]:
    """Compute levels `frequencies t` in dB below the loudest, at least -70.  samples: `n`."""
    window, hop = round(SPECTROGRAM_WINDOW_S * sample_rate_hz), round(SPECTROGRAM_HOP_S * sample_rate_hz)
    if len(samples) < window:
        raise VqaudioError(f"a spectrogram needs {window} samples, got {len(samples)}")
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, n=2 * window)) ** 2
    levels = 10 * np.log10(power / max(power.max(), 1e-20) + 1e-20)
    return np.maximum(levels, -SPECTROGRAM_RANGE_DB).T


def new_figure(width_inches: float, height_inches: float) -> "Figure":
    """Make an empty figure that belongs to no window.  Raises VqaudioError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise VqaudioError('plots need matplotlib: pip install "vqaudio[plots]"') from None
    return Figure((width_inches, height_inches), dpi=150, layout="constrained")
