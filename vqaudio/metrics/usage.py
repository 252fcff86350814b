"""Statistics of codes: codebook usage, perplexity, bitrates, agreement."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

Codes = NDArray[np.integer]
Counts = NDArray[np.int64]


def count_codes(codes: Iterable[Codes], codebook_size: int) -> Counts:
    """Count how often each code occurs: `k v`.

    codes: one `k t` array per file, all with the same k, values in [0, v).
    Raises VqaudioError for no file, differing k or a code outside the codebook.
    """
    total: Counts | None = None
    for file_codes in codes:
        if file_codes.size and not 0 <= file_codes.min() <= file_codes.max() < codebook_size:
            raise VqaudioError(
                f"codes run from {file_codes.min()} to {file_codes.max()}, the codebook has {codebook_size} entries; "
                "were they made by another codec?"
            )
        counts = np.stack([np.bincount(layer, minlength=codebook_size) for layer in file_codes]).astype(np.int64)
        if total is not None and total.shape != counts.shape:
            raise VqaudioError(f"one file has {len(counts)} codebooks, the files before it {len(total)}")
        total = counts if total is None else total + counts
    if total is None:
        raise VqaudioError("there are no codes to count; give at least one file")
    return total


def usage(counts: Counts) -> NDArray[np.float64]:
    """Compute the share of each codebook that occurs at all: `k` in [0, 1].

    It grows with the frames counted: report both.
    """
    return (counts > 0).mean(axis=-1)


def top_share(counts: Counts) -> NDArray[np.float64]:
    """Compute the share of the frames that fall to each codebook's most frequent code: `k` in [0, 1]."""
    return counts.max(axis=-1) / np.maximum(counts.sum(axis=-1), 1)


def entropy_bits(counts: Counts, *, is_corrected: bool = False) -> NDArray[np.float64]:
    """Compute the unigram entropy of each codebook in bits per frame: `k`; 0 for no frames.

    The plain estimate is too low when frames are few.  `is_corrected` adds (distinct codes - 1) / (2 frames) nats, at
    most up to log2(v).  Source of the correction: Miller 1955, "Note on the bias of information estimates".
    """
    frames = np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    shares = counts / frames
    logs = np.log2(shares, where=shares > 0, out=np.zeros_like(shares))
    bits = -(shares * logs).sum(axis=-1) + 0.0
    if is_corrected:
        distinct = np.maximum((counts > 0).sum(axis=-1), 1)
        bits = np.minimum(bits + (distinct - 1) / (2 * frames[..., 0]) / np.log(2), np.log2(counts.shape[-1]))
    return bits


def perplexity(counts: Counts) -> NDArray[np.float64]:
    """Compute the perplexity of each codebook: `k` in [1, v].

    It is 2 to the entropy, the number of equally frequent codes that would be as hard to predict.
    """
    return 2.0 ** entropy_bits(counts)


def nominal_bitrate_bps(num_codebooks: int, codebook_size: int, frame_rate_hz: float) -> float:
    """Compute the bits a second when every code is written with log2(v) bits.

    >>> nominal_bitrate_bps(8, 1024, 50.0)
    4000.0
    """
    return float(num_codebooks * np.log2(codebook_size) * frame_rate_hz)


def entropy_bitrate_bps(counts: Counts, frame_rate_hz: float, *, is_corrected: bool = False) -> float:
    """Compute the bits a second of an ideal entropy coder.

    It knows each codebook's unigram frequencies and nothing else.
    """
    return float(entropy_bits(counts, is_corrected=is_corrected).sum() * frame_rate_hz)


def code_agreement(first: Codes, second: Codes) -> NDArray[np.float64]:
    """Compute the share of frames whose code is the same in both, per codebook: `k` in [0, 1]; NaN for no frames.

    first, second: `k t`, where k may differ (the codebooks both have are compared).
    Raises VqaudioError for differing numbers of frames.
    """
    if first.shape[-1] != second.shape[-1]:
        raise VqaudioError(f"agreement needs equal numbers of frames, got {first.shape[-1]} and {second.shape[-1]}")
    shared = min(len(first), len(second))
    if not first.shape[-1]:
        return np.full(shared, np.nan)
    return (first[:shared] == second[:shared]).mean(axis=-1)
