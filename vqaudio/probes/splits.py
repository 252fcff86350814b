"""Splits of utterances into those to fit on and those to test on: never the same speaker on both sides."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError


@dataclass(frozen=True, eq=False)
class Split:
    """A split of utterances into groups, each tested with the mapping of all others.

    kind: how they came about, for the report.  groups: `u`, the group of each utterance, -1 for none.
    is_fixed: group 0 is only fitted on, group 1 only tested.
    """

    kind: str
    groups: NDArray[np.int64]
    num_groups: int
    is_fixed: bool = False

    @property
    def tested(self) -> tuple[int, ...] | None:
        """Only group 1 of a fixed split; None: every group in turn."""
        return (1,) if self.is_fixed else None


def split_by_speaker(speakers: Sequence[str], num_folds: int = 5, seed: int = 0) -> Split:
    """Deal speakers to at most `num_folds` groups, in an order drawn from the seed.

    speakers: of each utterance.  With one speaker the utterances are dealt instead, and `kind` says so.
    Raises VqaudioError for fewer than two utterances.
    """
    if len(speakers) < 2 or num_folds < 2:
        raise VqaudioError(f"wanted 2 or more utterances and folds, got {len(speakers)} and {num_folds}")
    names, owner = np.unique(np.asarray(speakers, dtype=str), return_inverse=True)
    kind = "speakers"
    if len(names) < 2:
        kind, owner = "utterances of one speaker", np.arange(len(speakers))
    num_owners = int(owner.max()) + 1
    num_groups = min(num_folds, num_owners)
    dealt = np.random.default_rng(seed).permutation(num_owners) % num_groups
    return Split(f"{num_groups} folds over {num_owners} {kind}", dealt[owner].astype(np.int64), num_groups)


def split_at(speakers: Sequence[str], is_tested: Sequence[bool]) -> Split:
    """Split utterances into those to test on, which are named, and those to fit on.

    Utterances of a tested speaker are never fitted on: they are left out, which `kind` counts.
    Raises VqaudioError if one of the two sides is empty.
    """
    tested_speakers = {name for name, flag in zip(speakers, is_tested, strict=True) if flag}
    groups = np.array(
        [1 if flag else -1 if name in tested_speakers else 0 for name, flag in zip(speakers, is_tested, strict=True)],
        dtype=np.int64,
    )
    num_fitted, num_tested, num_out = (int((groups == group).sum()) for group in (0, 1, -1))
    if not num_fitted or not num_tested:
        raise VqaudioError(
            f"a held-out list must leave speakers to fit on and name some to test on: {num_fitted} utterances of other "
            f"speakers to fit on, {num_tested} to test on"
        )
    kind = f"fitted on {num_fitted} utterances, tested on {num_tested} of {len(tested_speakers)} other speakers"
    return Split(kind + (f", {num_out} of those left out" if num_out else ""), groups, 2, is_fixed=True)


def is_named(ids: Sequence[str], speakers: Sequence[str], names: Collection[str]) -> list[bool]:
    """Mark each utterance that is named: by its id, its id's last part with or without suffix, or its speaker."""
    wanted = {_stem(name) for name in names} | set(names)
    pairs = zip(ids, speakers, strict=True)
    return [id_ in wanted or _stem(id_) in wanted or speaker in wanted for id_, speaker in pairs]


def _stem(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if "." in name[1:] else name
