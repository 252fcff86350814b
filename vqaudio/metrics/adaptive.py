"""Bits of codes under a model that learns while it codes: nothing is trained before, nothing is sent beside the codes.

Every code is paid for with -log2 of the probability that all codes before it gave it, so that an arithmetic coder
reaches the sum, and its decoder, which counts along, reads it back.  For each codebook several models count:

    a code's own frequency            p0(w)   = (c(w) + a) / (c + a v)                     a = 4, 1/2, 1/v
    after its codebook's last code u  p1(w|u) = (c(u w) + s p0(w)) / (c(u) + s)            s = 16, 64, 256
    over the codebook below's code x  p2(w|x) = (c(x w) + s p1(w|u)) / (c(x) + s)          s = 64, 256

Beside them stands the one that gives every code 1/v.  They are mixed by what they were worth of late: the log-weight
of a model is the sum of the log-probabilities that it gave the codes before, times .98 for each code in between.

Source: Krichevsky and Trofimov 1981 (a = 1/2); MacKay and Peto 1995 (the Dirichlet prior of p1 and p2); weights that
forget as in Raftery et al. 2010, "Online prediction under model uncertainty", eq. 10.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.usage import Codes, count_codes

Bits = NDArray[np.float64]

OWN_STRENGTHS = (4.0, 0.5)  # a; 1/v is the third
AFTER_STRENGTHS = (16.0, 64.0, 256.0)  # s of p1, the middle one below p2
OVER_STRENGTHS = (64.0, 256.0)
FORGETTING = 0.98


def adaptive_bits(recordings: Sequence[Codes], codebook_size: int) -> list[Bits]:
    """Compute the bits of every code of some recordings that are coded one after the other.

    recordings: `k t` each, of one k, codes in [0, v); what was learned of one serves the next, which knows none of its
    last codes.  Returns `k t` bits for each: those of a codebook depend on it and the one below it alone, and on
    nothing later.  The number of frames is taken as known, as the nominal rate takes it.
    Raises VqaudioError for no recording, differing k or a code outside the codebook.

    >>> adaptive_bits([np.zeros((1, 2), int)], 2)[0].round(2).tolist()[0][0]
    1.0
    """
    counts = count_codes(recordings, codebook_size)
    if any(codes.ndim != 2 for codes in recordings):
        raise VqaudioError(f"wanted codes k t, got {[codes.shape for codes in recordings if codes.ndim != 2][:1]}")
    joined = np.concatenate([np.asarray(codes, np.int64) for codes in recordings], axis=1)
    ends = np.cumsum([codes.shape[1] for codes in recordings])
    starts = np.concatenate([[0], ends[:-1]]) if joined.shape[1] else np.zeros(0, np.int64)
    bits = np.zeros(joined.shape)
    for book in range(len(counts)):
        below = joined[book - 1] if book else None
        bits[book] = _codebook_bits(joined[book], below, starts[starts < joined.shape[1]], codebook_size)
    return np.split(bits, ends[:-1], axis=1)


def _codebook_bits(codes: NDArray[np.int64], below: NDArray[np.int64] | None, starts: Codes, size: int) -> Bits:
    """Compute the bits of one codebook's codes `n`, given the codes of the codebook below in the same frames."""
    num_before, same_before = np.arange(len(codes)), _num_earlier(codes)
    own = [(same_before + a) / (num_before + a * size) for a in (*OWN_STRENGTHS, 1 / size)]
    last = np.concatenate([[size], codes[:-1]])[: len(codes)]
    last[starts] = size
    after = [_in_context(last, codes, own[1], strength, size) for strength in AFTER_STRENGTHS]
    over = [] if below is None else [_in_context(below, codes, after[1], strength, size) for strength in OVER_STRENGTHS]
    return _mixture_bits(np.log(np.stack([np.full(len(codes), 1 / size), *own, *after, *over])))


def _in_context(contexts: Codes, codes: Codes, prior: Bits, strength: float, size: int) -> Bits:
    """Compute the probability of every code in its context, which knows as much as `prior` where it is new."""
    in_context = _num_earlier(contexts * (size + 1) + codes)
    return (in_context + strength * prior) / (_num_earlier(contexts) + strength)


def _num_earlier(keys: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count for each of `n` keys how often it occurs before: `n`."""
    order = np.argsort(keys, kind="stable")
    ordered, places = keys[order], np.arange(len(keys))
    is_first = np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(keys)]
    counts = np.empty(len(keys), np.int64)
    counts[order] = places - np.maximum.accumulate(np.where(is_first, places, 0))
    return counts


def _mixture_bits(logs: Bits) -> Bits:
    """Mix models by what they were worth so far.  logs: `m n`, log-probabilities of each model.  Returns bits `n`."""
    worth = lfilter([0.0, 1.0], [1.0, -FORGETTING], logs, axis=1) if logs.shape[1] else logs
    mixed = np.logaddexp.reduce(logs + worth, axis=0) - np.logaddexp.reduce(worth, axis=0)
    return -mixed / np.log(2)
