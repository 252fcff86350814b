"""The quality of samples: how far their codes, bigrams of codes, durations and phones are from those of real speech.

Divergences are KL(samples || reference) in bits for each n-gram.  The samples' shares are taken as they were counted;
the reference's are smoothed, so that none is zero:

    q(w)    = (c(w) + 1/2) / (N + v/2)                          (Krichevsky and Trofimov 1981)
    q(h w)  = 0.9 c(h w) / N + 0.1 q(h) q(w)

Few samples look farther away than many: compare only sets of codes of one size (`first_frames`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.runs import to_runs

SHARE_BELOW = 0.1  # of the smoothed shares, what comes from shorter n-grams
LONGEST_RUN = 32  # frames: longer runs count as that long
Codes = Sequence[NDArray[np.integer]]


@dataclass(frozen=True)
class SampleQuality:
    """The divergence of samples from real speech.

    KL is in bits for each n-gram: of codes, of the lengths of runs, and of phones, repeats of which are merged.
    mean_run_frames, mean_seconds: of the samples themselves.  The phones' are None without a map from code to phone.
    """

    unigram_kl: float
    bigram_kl: float
    run_kl: float
    phone_unigram_kl: float | None
    phone_bigram_kl: float | None
    phone_trigram_kl: float | None
    mean_run_frames: float
    mean_seconds: float


@dataclass(frozen=True, eq=False)
class PhoneMap:
    """The map from code to phone.

    phones: `v`, the phone of each code, 0 ... num_phones - 1.
    """

    phones: NDArray[np.int64]
    num_phones: int

    def read(self, codes: Codes) -> list[NDArray[np.int64]]:
        """Map codes `t` to phones, repeats merged."""
        return [to_runs(self.phones[utterance])[0] for utterance in codes]


def measure_quality(
    samples: Codes, reference: Codes, *, num_codes: int, frame_rate_hz: float, phone_map: PhoneMap | None = None
) -> SampleQuality:
    """Measure how far samples are from a reference.

    samples, reference: codes `t` of one codebook, 0 ... num_codes - 1.  Raises VqaudioError for no codes.
    """
    runs = [to_runs(utterance)[1] for utterance in samples if len(utterance)]
    lengths = [np.minimum(frames, LONGEST_RUN) for frames in runs]
    real_lengths = [np.minimum(to_runs(utterance)[1], LONGEST_RUN) for utterance in reference if len(utterance)]
    phones: list[float | None] = [None] * 3
    if phone_map is not None:
        sampled, spoken = phone_map.read(samples), phone_map.read(reference)
        phones = [ngram_kl(sampled, spoken, phone_map.num_phones, order) for order in (1, 2, 3)]
    return SampleQuality(
        unigram_kl=ngram_kl(samples, reference, num_codes, 1),
        bigram_kl=ngram_kl(samples, reference, num_codes, 2),
        run_kl=ngram_kl(lengths, real_lengths, LONGEST_RUN + 1, 1),
        phone_unigram_kl=phones[0],
        phone_bigram_kl=phones[1],
        phone_trigram_kl=phones[2],
        mean_run_frames=float(np.concatenate(runs).mean()),
        mean_seconds=float(np.mean([len(utterance) for utterance in samples]) / frame_rate_hz),
    )


def ngram_kl(samples: Codes, reference: Codes, num_symbols: int, order: int) -> float:
    """Compute the KL divergence of n-grams in bits.

    Raises VqaudioError if one side has no n-gram or a symbol is out of range.
    """
    shares, keys = _shares(_ngrams(samples, num_symbols, order))
    real = _smoothed([_ngrams(reference, num_symbols, length) for length in range(1, order + 1)], keys, num_symbols)
    return float((shares * np.log2(shares / real)).sum())


def first_frames(codes: Codes, num_frames: int) -> list[NDArray[np.integer]]:
    """Cut the first of the utterances that have num_frames together, the last one shortened.

    Raises VqaudioError if they have fewer.
    """
    kept: list[NDArray[np.integer]] = []
    for utterance in codes:
        if not num_frames:
            break
        kept.append(utterance[:num_frames])
        num_frames -= len(kept[-1])
    if num_frames:
        raise VqaudioError(f"{num_frames} frames are missing for sets of one size; sample more")
    return kept


def _ngrams(codes: Codes, num_symbols: int, order: int) -> NDArray[np.int64]:
    """Number every n-gram within an utterance, its symbols as digits."""
    numbers = [np.zeros(0, dtype=np.int64)]
    for utterance in codes:
        symbols = np.asarray(utterance, dtype=np.int64)
        if len(symbols) and not 0 <= int(symbols.min()) <= int(symbols.max()) < num_symbols:
            raise VqaudioError(f"wanted symbols 0 to {num_symbols - 1}, got {symbols.min()} to {symbols.max()}")
        if len(symbols) >= order:
            windows = np.lib.stride_tricks.sliding_window_view(symbols, order)
            numbers.append(windows @ (num_symbols ** np.arange(order - 1, -1, -1, dtype=np.int64)))
    keys = np.concatenate(numbers)
    if not len(keys):
        raise VqaudioError(f"there are no sequences of {order} symbols to compare; give longer ones")
    return keys


def _shares(keys: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    different, counts = np.unique(keys, return_counts=True)
    return counts / counts.sum(), different


def _smoothed(occurring: Sequence[NDArray[np.int64]], keys: NDArray[np.int64], num_symbols: int) -> NDArray[np.float64]:
    """Smooth the shares of n-grams.

    occurring: the n-grams of the reference by length, the last as long as the keys'.
    """
    singles = np.bincount(occurring[0], minlength=num_symbols) + 0.5
    singles /= singles.sum()
    if len(occurring) == 1:
        return singles[keys]
    shares, different = _shares(occurring[-1])
    index = np.minimum(np.searchsorted(different, keys), len(different) - 1)
    counted = np.where(different[index] == keys, shares[index], 0.0)
    below = _smoothed(occurring[:-1], keys // num_symbols, num_symbols) * singles[keys % num_symbols]
    return (1 - SHARE_BELOW) * counted + SHARE_BELOW * below
