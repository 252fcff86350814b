"""The mapping of each code to one phone: fitted on some speakers, tested on others.

Source: van den Oord et al. 2017, arXiv:1711.00937, section 4.3: every latent value mapped to its most likely phoneme.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.counts import Counts
from vqaudio.probes.information import require_frames


@dataclass(frozen=True)
class MappingScore:
    """The accuracy of a mapping from code to phone.

    prior: what naming the most frequent phone of the fitted frames always would give on the tested ones.
    num_unseen: tested frames whose code did not occur where the mapping was fitted; the prior's phone is taken.
    """

    accuracy: float
    prior: float
    num_frames: int
    num_unseen: int


def fit_codemap(counts: Counts) -> NDArray[np.int64]:
    """Fit the most frequent phone of each code: `v`; of a code that never occurs, the most frequent phone of all.

    counts: `v p`.  Raises VqaudioError for no frames.
    """
    require_frames(counts)
    best = counts.argmax(axis=1)
    best[counts.sum(axis=1) == 0] = counts.sum(axis=0).argmax()
    return best


def mapping_score(fitted: Counts, tested: Counts) -> MappingScore:
    """Fit a mapping on one table of counts `v p` and test it on another."""
    require_frames(tested)
    codemap, num_frames = fit_codemap(fitted), int(tested.sum())
    right = tested[np.arange(len(tested)), codemap].sum()
    prior = tested[:, fitted.sum(axis=0).argmax()].sum()
    unseen = tested[fitted.sum(axis=1) == 0].sum()
    return MappingScore(float(right / num_frames), float(prior / num_frames), num_frames, int(unseen))


def held_out_score(by_group: Counts, tested: Sequence[int] | None = None) -> MappingScore:
    """Test groups with the mapping that is fitted on all others; the tested frames count alike.

    by_group: `g v p`, one table for each group of speakers.  tested: which groups, None for all of them.
    Groups without frames are left out.  Raises VqaudioError if nothing is left to fit on or to test on.
    """
    is_filled = by_group.sum(axis=(1, 2)) > 0
    chosen = [group for group in (range(len(by_group)) if tested is None else tested) if is_filled[group]]
    if not chosen or is_filled.sum() < 2:
        raise VqaudioError(
            f"a held-out score needs labelled frames to fit on and others to test on; of {len(by_group)} groups "
            f"{is_filled.sum()} have labelled frames, {len(chosen)} of those to be tested"
        )
    whole = by_group.sum(axis=0)
    fitted = [whole - by_group[group] for group in chosen] if tested is None else None
    others = np.delete(by_group, list(tested or ()), axis=0).sum(axis=0)
    return _pooled(
        [
            mapping_score(others if fitted is None else fitted[number], by_group[group])
            for number, group in enumerate(chosen)
        ]
    )


def without_phones(counts: Counts, phones: Sequence[int]) -> Counts:
    """Drop the columns of some phones, such as silence, from a table: `... v p'`."""
    return np.delete(counts, list(phones), axis=-1)


def _pooled(scores: Sequence[MappingScore]) -> MappingScore:
    num_frames = sum(score.num_frames for score in scores)
    return MappingScore(
        sum(score.accuracy * score.num_frames for score in scores) / num_frames,
        sum(score.prior * score.num_frames for score in scores) / num_frames,
        num_frames,
        sum(score.num_unseen for score in scores),
    )
