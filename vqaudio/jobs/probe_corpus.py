"""Codes of a store and labels of a folder, brought together frame by frame; what has no label is counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval
from vqaudio.jobs.alignment_folder import AlignmentFolder, require_distinct_names
from vqaudio.jobs.labelling import label_map, label_set, require_known
from vqaudio.probes.frames import LabelledFrames, LabelledUtterance, frame_phones, label_boundaries_s
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.store import TokenStore

MAX_EXCESS_S = 0.5  # an alignment may end this much after its recording: aligners pad
MIN_LABELLED = 0.5  # share of an utterance's frames
UNKNOWN_SPEAKER = "unknown"
NO_ALIGNMENT = "no alignment"


@dataclass(frozen=True)
class Coverage:
    """What the figures rest on.  skipped: reason -> utterances left out; examples: some of their ids.

    num_unlabelled_frames: of the utterances used, frames without a label.  num_skipped_frames: of the others.
    """

    num_utterances: int
    num_frames: int
    num_unlabelled_frames: int
    num_skipped_frames: int
    num_speakers: int
    seconds: float
    skipped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ProbeCorpus:
    """frames: of the utterances that have labels.  intervals: theirs, by id, renamed."""

    frames: LabelledFrames
    intervals: dict[str, list[Interval]]
    grid: FrameGrid
    coverage: Coverage


def join_labels(store: TokenStore, folder: AlignmentFolder, *, labels: str, codebook: int = 0) -> ProbeCorpus:
    """Every row of the store that has a sound alignment.

    Raises VqaudioError for a codebook that the store has not, labels that the set has not, or if nothing is left.
    """
    if not 0 <= codebook < store.stamp.num_codebooks:
        raise VqaudioError(f"the store has codebooks 0 to {store.stamp.num_codebooks - 1}, not {codebook}")
    require_distinct_names(store.ids(), folder)
    naming, unknown = label_map(labels), Counter[str]()
    rows: list[tuple[TokenRow, list[Interval]]] = []
    skipped: dict[str, list[TokenRow]] = {}
    for row in store:
        found, reason = _sound_intervals(row, folder)
        intervals = naming.rename(found, unknown)
        if not reason and _labelled_s(intervals) < MIN_LABELLED * row.seconds:
            reason = f"labels for less than {MIN_LABELLED:.0%} of the recording"
        if reason:
            skipped.setdefault(reason, []).append(row)
        else:
            rows.append((row, intervals))
    require_known(unknown, labels)
    return _corpus(store, rows, skipped, codebook)


def _sound_intervals(row: TokenRow, folder: AlignmentFolder) -> tuple[list[Interval], str]:
    """The alignment of a row, or why there is none."""
    try:
        intervals = folder.intervals(row.id)
    except VqaudioError:
        return [], "an alignment that cannot be read"
    if intervals is None:
        return [], NO_ALIGNMENT
    if intervals and intervals[-1].end_s > row.seconds + MAX_EXCESS_S:
        return [], f"an alignment that ends more than {MAX_EXCESS_S} s after the recording"
    return intervals, ""


def _labelled_s(intervals: Sequence[Interval]) -> float:
    return sum(one.end_s - one.start_s for one in intervals)


def _corpus(
    store: TokenStore,
    rows: Sequence[tuple[TokenRow, list[Interval]]],
    skipped: dict[str, list[TokenRow]],
    codebook: int,
) -> ProbeCorpus:
    grid = store.stamp.grid
    labels = label_set(one.label for _, intervals in rows for one in intervals)
    utterances = [
        LabelledUtterance(
            row.id,
            row.speaker or UNKNOWN_SPEAKER,
            row.codes[codebook],
            frame_phones(intervals, labels.numbers, grid, row.codes.shape[1]),
            label_boundaries_s(intervals, row.seconds),
        )
        for row, intervals in rows
    ]
    if not utterances:
        why = ", ".join(f"{len(found)} have {reason}" for reason, found in skipped.items())
        raise VqaudioError(f"no utterance of {store.folder} can be probed: {why or 'the store is empty'}")
    frames = LabelledFrames.join(
        utterances, num_codes=store.stamp.codebook_size, labels=labels, frame_rate_hz=grid.frame_rate_hz
    )
    coverage = Coverage(
        len(utterances),
        frames.num_labelled,
        len(frames.codes) - frames.num_labelled,
        sum(row.codes.shape[1] for found in skipped.values() for row in found),
        len(set(frames.speakers)),
        sum(row.seconds for row, _ in rows),
        {reason: len(found) for reason, found in skipped.items()},
        {reason: [row.id for row in found[:10]] for reason, found in skipped.items()},
    )
    return ProbeCorpus(frames, {row.id: intervals for row, intervals in rows}, grid, coverage)
