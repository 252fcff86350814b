"""Purity and mutual information of codes and phones, from their table of counts `v p`.

Definitions: phone purity, cluster purity and PNMI as in Hsu et al. 2021 (HuBERT, arXiv:2106.07447, section IV-F);
V-measure: Rosenberg and Hirschberg 2007; adjusted mutual information: Vinh, Epps and Bailey 2010, normalised by the
mean of the two entropies.  Entropies are in nats.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.counts import Counts

BLOCK_VALUES = 1 << 20  # of the expected mutual information, held at a time


@dataclass(frozen=True)
class Information:
    """The information that codes carry about phones.

    phone_purity: the accuracy of the best code -> phone mapping on these frames.
    """

    phone_purity: float
    cluster_purity: float
    pnmi: float
    v_measure: float
    ami: float
    mutual_information_nats: float
    phone_entropy_nats: float
    code_entropy_nats: float


def measure_information(counts: Counts) -> Information:
    """Measure purity, entropy and mutual information of codes and phones.

    counts: `v p`.  PNMI is NaN where there is only one phone.  Raises VqaudioError for no frames.
    """
    require_frames(counts)
    return Information(
        phone_purity(counts),
        cluster_purity(counts),
        pnmi(counts),
        v_measure(counts),
        adjusted_mutual_information(counts),
        mutual_information(counts),
        entropy(counts.sum(axis=0)),
        entropy(counts.sum(axis=1)),
    )


def require_frames(counts: Counts) -> None:
    """Check that something was counted.  Raises VqaudioError if nothing was."""
    if not counts.sum():
        raise VqaudioError("no frame has both a code and a phone; do the ids of the alignments match the codes'?")


def phone_purity(counts: Counts) -> float:
    """Compute the share of the frames whose phone is the most frequent one of their code: fairseq's `ref pur`."""
    return float(counts.max(axis=1).sum() / counts.sum())


def cluster_purity(counts: Counts) -> float:
    """Compute the share of the frames whose code is the most frequent one of their phone: fairseq's `hyp pur`."""
    return float(counts.max(axis=0).sum() / counts.sum())


def entropy(counts: NDArray[np.integer]) -> float:
    """Compute the entropy of a distribution given by counts, in nats."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum()) + 0.0


def mutual_information(counts: Counts) -> float:
    """Compute the mutual information of code and phone in nats, at least 0."""
    codes, phones = np.nonzero(counts)
    filled = counts[codes, phones].astype(np.float64)
    num_frames = filled.sum()
    logs = (
        np.log(filled / num_frames)
        - np.log(counts.sum(axis=1)[codes] / num_frames)
        - np.log(counts.sum(axis=0)[phones] / num_frames)
    )
    return max(float((filled / num_frames * logs).sum()), 0.0)


def pnmi(counts: Counts) -> float:
    """Compute the share of the uncertainty about the phone that the code removes.

    It is MI / H(phone), and NaN for a single phone.
    """
    uncertainty = entropy(counts.sum(axis=0))
    return mutual_information(counts) / uncertainty if uncertainty else float("nan")


def v_measure(counts: Counts) -> float:
    """Compute the harmonic mean of homogeneity MI / H(phone) and completeness MI / H(code).

    An entropy of 0 counts as met.
    """
    shared = mutual_information(counts)
    entropies = (entropy(counts.sum(axis=0)), entropy(counts.sum(axis=1)))
    homogeneity, completeness = (shared / value if value else 1.0 for value in entropies)
    total = homogeneity + completeness
    return 2 * homogeneity * completeness / total if total else 0.0


def adjusted_mutual_information(counts: Counts) -> float:
    """Compute the mutual information less what chance gives, 1 for equal partitions, about 0 for independent ones."""
    codes, phones = counts.sum(axis=1), counts.sum(axis=0)
    is_one_to_one = (counts > 0).sum() == (codes > 0).sum() == (phones > 0).sum()
    if is_one_to_one:
        return 1.0  # also where chance could give no less, as with one code and one phone
    by_chance = expected_mutual_information(codes, phones)
    room = (entropy(codes) + entropy(phones)) / 2 - by_chance
    return (mutual_information(counts) - by_chance) / room if room > 0 else 0.0


def expected_mutual_information(codes: NDArray[np.integer], phones: NDArray[np.integer]) -> float:
    """Compute the mean mutual information in nats of all tables with these margins: `v` and `p` counts.

    A cell is hypergeometric.  Only values within 10 standard deviations and 40 of its mean are summed: what lies
    outside has a probability below 1e-20 (Bernstein's inequality).  Cells of equal margins are computed once.
    """
    num_frames = int(codes.sum())
    sizes, num_sizes = np.unique(codes[codes > 0], return_counts=True)
    total = 0.0
    for phone, num_phones in zip(*np.unique(phones[phones > 0], return_counts=True), strict=True):
        start = 0
        while start < len(sizes):
            widest = _reach(sizes[start:], int(phone), num_frames).max()
            end = start + max(1, BLOCK_VALUES // (2 * int(widest) + 1))
            cells = _expected_cells(sizes[start:end], int(phone), num_frames)
            total += float(num_phones * (num_sizes[start:end] * cells).sum())
            start = end
    return total


def _reach(sizes: NDArray[np.integer], phone: int, num_frames: int) -> NDArray[np.int64]:
    """Compute how far from its mean a cell is summed."""
    variance = sizes * (phone / num_frames) * (1 - sizes / num_frames)
    return np.ceil(10 * np.sqrt(variance) + 40).astype(np.int64)


def _expected_cells(sizes: NDArray[np.integer], phone: int, num_frames: int) -> NDArray[np.float64]:
    """Compute what the cells of some codes and one phone add to the expectation: `v`.

    sizes: frames of each code.  phone: frames of the phone.
    """
    from scipy.special import gammaln

    sizes = sizes.astype(np.int64)[:, None]
    reach = int(_reach(sizes, phone, num_frames).max())
    mean = np.round(sizes * (phone / num_frames)).astype(np.int64)
    values = mean + np.arange(-reach, reach + 1)
    low, high = np.maximum(0, sizes + phone - num_frames), np.minimum(sizes, phone)
    is_possible = (values >= low) & (values <= high)
    values = np.clip(values, low, high)
    logs = -(
        gammaln(values + 1)
        + gammaln(sizes - values + 1)
        + gammaln(phone - values + 1)
        + gammaln(num_frames - sizes - phone + values + 1)
    )
    # The constants of the hypergeometric distribution cancel when its values are made to sum to 1.
    chances = np.where(is_possible, np.exp(logs - logs.max(axis=1, keepdims=True)), 0.0)
    chances /= chances.sum(axis=1, keepdims=True)
    filled = np.maximum(values, 1)
    return (chances * values / num_frames * np.log(num_frames * filled / (sizes * float(phone)))).sum(axis=1)
