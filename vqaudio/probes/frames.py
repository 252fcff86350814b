"""The frames of many utterances as flat arrays, and which speakers are held out: what all probes measure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval
from vqaudio.probes.counts import UNLABELLED

GAP_S = 1.0  # between utterances on the common time line of boundaries: more than any tolerance
GAP_EDGE_S = 0.001  # times this close are one: aligners round


@dataclass(frozen=True, eq=False)
class LabelledUtterance:
    """One utterance with the code and the phone of every frame.

    codes, phones: `t`, UNLABELLED where the frame has no label.  boundaries_s: where the label changes, rising.
    """

    id: str
    speaker: str
    codes: NDArray[np.integer]
    phones: NDArray[np.integer]
    boundaries_s: NDArray[np.float64]


@dataclass(frozen=True)
class LabelSet:
    """The labels of a phone set.

    names: of the phones, in the order of their numbers.  silence: those of them that are no speech.
    """

    names: tuple[str, ...]
    silence: frozenset[str] = frozenset()

    @property
    def silence_numbers(self) -> list[int]:
        """The numbers of the labels that are no speech."""
        return [number for number, name in enumerate(self.names) if name in self.silence]

    @property
    def numbers(self) -> Mapping[str, int]:
        """The number of each name."""
        return {name: number for number, name in enumerate(self.names)}


@dataclass(frozen=True, eq=False)
class LabelledFrames:
    """The codes and phones of all utterances, one after the other.

    codes, phones: `n` · starts: `u + 1`, utterance u has the frames starts[u] to starts[u + 1] · reference_s: rising
    boundaries of the phones on a time line in which utterance u begins at starts[u] / frame_rate_hz + u * GAP_S.
    """

    codes: NDArray[np.int64]
    phones: NDArray[np.int64]
    starts: NDArray[np.int64]
    ids: tuple[str, ...]
    speakers: tuple[str, ...]
    reference_s: NDArray[np.float64]
    num_codes: int
    labels: LabelSet
    frame_rate_hz: float

    @classmethod
    def join(
        cls, utterances: Sequence[LabelledUtterance], *, num_codes: int, labels: LabelSet, frame_rate_hz: float
    ) -> "LabelledFrames":
        """Join labelled utterances.

        Raises VqaudioError if there is no utterance or one has not as many phones as codes.
        """
        if not utterances:
            raise VqaudioError("no utterance has both codes and labels; do the ids of the alignments match the codes'?")
        for utterance in utterances:
            if utterance.codes.shape != utterance.phones.shape:
                raise VqaudioError(
                    f"{utterance.id} has codes {utterance.codes.shape} and phones {utterance.phones.shape}"
                )
        starts = np.concatenate([[0], np.cumsum([len(utterance.codes) for utterance in utterances])]).astype(np.int64)
        offsets_s = starts[:-1] / frame_rate_hz + np.arange(len(utterances)) * GAP_S
        return cls(
            np.concatenate([utterance.codes for utterance in utterances]).astype(np.int64),
            np.concatenate([utterance.phones for utterance in utterances]).astype(np.int64),
            starts,
            tuple(utterance.id for utterance in utterances),
            tuple(utterance.speaker for utterance in utterances),
            np.concatenate(
                [utterance.boundaries_s + at_s for utterance, at_s in zip(utterances, offsets_s, strict=True)]
            ),
            num_codes,
            labels,
            frame_rate_hz,
        )

    @cached_property
    def utterance_of_frame(self) -> NDArray[np.int64]:
        """The number of each frame's utterance: `n`."""
        return np.repeat(np.arange(len(self.ids)), np.diff(self.starts))

    @property
    def num_labelled(self) -> int:
        """Frames that have a phone."""
        return int((self.phones != UNLABELLED).sum())

    def with_codes(self, codes: NDArray[np.integer], num_codes: int | None = None) -> "LabelledFrames":
        """Return the same frames with other codes, `n`."""
        if codes.shape != self.codes.shape:
            raise VqaudioError(f"wanted {self.codes.shape} codes, got {codes.shape}")
        return replace(self, codes=codes.astype(np.int64), num_codes=num_codes or self.num_codes)

    def codes_by_utterance(self) -> list[NDArray[np.int64]]:
        """Split the codes into one `t` array for each utterance."""
        return np.split(self.codes, self.starts[1:-1])

    def found_s(self) -> NDArray[np.float64]:
        """Compute where the codes change within an utterance, on the time line of `reference_s`.

        Changes between two frames without a label do not count.
        """
        is_change = np.zeros(len(self.codes), dtype=bool)
        is_labelled = self.phones != UNLABELLED
        is_change[1:] = (self.codes[1:] != self.codes[:-1]) & (is_labelled[1:] | is_labelled[:-1])
        starts = self.starts[:-1]
        is_change[starts[starts < len(is_change)]] = False  # an utterance without frames begins where the next does
        frames = np.flatnonzero(is_change)
        return frames / self.frame_rate_hz + self.utterance_of_frame[frames] * GAP_S


def frame_phones(
    intervals: Sequence[Interval], numbers: Mapping[str, int], grid: FrameGrid, num_frames: int
) -> NDArray[np.int64]:
    """Label each frame with the phone at its centre: `t`; UNLABELLED where no interval is or its label has no number.

    intervals: in the order of time; one that starts at a frame's centre has it, one that ends there has not.
    """
    if not intervals:
        return np.full(num_frames, UNLABELLED, dtype=np.int64)
    centres_s = (np.arange(num_frames) + 0.5) * (grid.hop_samples / grid.sample_rate_hz)
    starts_s = np.array([interval.start_s for interval in intervals])
    ends_s = np.array([interval.end_s for interval in intervals])
    phones = np.array([numbers.get(interval.label, UNLABELLED) for interval in intervals], dtype=np.int64)
    index = np.searchsorted(starts_s, centres_s, side="right") - 1
    is_inside = (index >= 0) & (centres_s < ends_s[np.maximum(index, 0)])
    return np.where(is_inside, phones[np.maximum(index, 0)], UNLABELLED)


def label_boundaries_s(intervals: Sequence[Interval], end_s: float) -> NDArray[np.float64]:
    """Compute where the label changes, within (0, end_s).

    Neighbours of one label have no boundary, edges of gaps have one.
    """
    times: list[float] = []
    previous: Interval | None = None
    for interval in intervals:
        is_gap = previous is not None and interval.start_s - previous.end_s > GAP_EDGE_S
        if previous is not None and is_gap:
            times.append(previous.end_s)
        if previous is None or is_gap or interval.label != previous.label:
            times.append(interval.start_s)
        previous = interval
    if previous is not None:
        times.append(previous.end_s)
    return np.array([time_s for time_s in times if GAP_EDGE_S < time_s < end_s - GAP_EDGE_S], dtype=np.float64)


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
