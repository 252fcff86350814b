"""Durations of runs of one code, and the bitrates of codes."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.runs import to_runs


@dataclass(frozen=True)
class RunStatistics:
    """The statistics of runs of one code.

    Lengths are in frames.  single_share: of the runs, those of one frame.
    """

    num_runs: int
    mean_frames: float
    median_frames: float
    longest_frames: int
    single_share: float
    runs_per_second: float


@dataclass(frozen=True)
class Bitrates:
    """The bitrates of codes, in bits a second.

    nominal: log2(v) for every frame.  unigram: as ZeroSpeech 2019 counts, symbols a second times the entropy of a
    symbol (Dunbar et al. 2019, arXiv:1904.11469).  merged: the same when repeats are written once, without lengths.
    timed: of the repeats written once, with the entropy of their lengths; NaN in reports from before it was measured.
    """

    nominal_bps: float
    unigram_bps: float
    merged_bps: float
    timed_bps: float = math.nan


def run_statistics(codes: Sequence[NDArray[np.integer]], frame_rate_hz: float) -> RunStatistics:
    """Measure the runs of one code.

    codes: one `t` array for every utterance; a run ends with its utterance.  Raises VqaudioError for no frames.
    """
    lengths = np.concatenate([to_runs(utterance)[1] for utterance in codes]) if codes else np.zeros(0, dtype=np.int64)
    if not len(lengths):
        raise VqaudioError("there are no codes to measure; give at least one utterance")
    return RunStatistics(
        len(lengths),
        float(lengths.mean()),
        float(np.median(lengths)),
        int(lengths.max()),
        float((lengths == 1).mean()),
        float(len(lengths) / lengths.sum() * frame_rate_hz),
    )


def bitrates(codes: Sequence[NDArray[np.integer]], num_codes: int, frame_rate_hz: float) -> Bitrates:
    """Compute the bitrates of codes.

    codes: one `t` array for every utterance.  Raises VqaudioError for no frames.
    """
    num_frames = sum(len(utterance) for utterance in codes)
    if not num_frames:
        raise VqaudioError("there are no codes to measure; give at least one utterance")
    seconds = num_frames / frame_rate_hz
    runs = [to_runs(utterance) for utterance in codes]
    merged, lengths = [symbols for symbols, _ in runs], [durations for _, durations in runs]
    runs_per_second, merged_bits = sum(map(len, merged)) / seconds, symbol_entropy_bits(merged)
    return Bitrates(
        math.log2(num_codes) * frame_rate_hz,
        num_frames / seconds * symbol_entropy_bits(codes),
        runs_per_second * merged_bits,
        runs_per_second * (merged_bits + symbol_entropy_bits(lengths)),
    )


def symbol_entropy_bits(codes: Sequence[NDArray[np.integer]]) -> float:
    """Compute the entropy of one symbol in bits, from how often each occurs."""
    shares = np.bincount(np.concatenate(codes).astype(np.int64))
    shares = shares[shares > 0] / shares.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0
