"""Codes of a store joined with labels of a folder, frame by frame; what has no label is counted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval
from vqaudio.corpora.alignment.formats import index_alignments
from vqaudio.corpora.alignment.gates import AlignmentReport, gate_alignments
from vqaudio.corpora.alignment.labels import MAPS, NO_PHONE, label_map
from vqaudio.probes.frames import LabelledFrames, LabelledUtterance, LabelSet, frame_phones, label_boundaries_s
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.store import TokenStore

PLAIN = "plain"  # no label map: every label is a class of its own
SILENCES = frozenset(("sil", "sp", "pau", "<sil>", "h#"))
UNKNOWN_SPEAKER = "unknown"
NUM_EXAMPLES = 10


@dataclass(frozen=True)
class Coverage:
    """The coverage of the figures.  skipped: reason -> utterances left out; examples: some of their ids.

    num_frames: with a label.  num_unlabelled_frames: of the same utterances, without one.  num_skipped_frames: of the
    utterances left out.  seconds: of the utterances used.
    """

    num_utterances: int
    num_frames: int
    num_unlabelled_frames: int
    num_skipped_frames: int
    num_speakers: int
    seconds: float
    skipped: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def num_skipped(self) -> int:
        """Utterances left out."""
        return sum(self.skipped.values())


@dataclass(frozen=True, eq=False)
class ProbeCorpus:
    """The frames and labels to probe.

    frames: of the utterances that have labels.  intervals: theirs, by id, renamed."""

    frames: LabelledFrames
    intervals: Mapping[str, list[Interval]]
    grid: FrameGrid
    coverage: Coverage


def join_labels(
    store: TokenStore, alignments: Path, *, labels: str, tier: str = "phones", codebook: int = 0
) -> ProbeCorpus:
    """Join every row of the store that has a sound alignment with its labels.

    alignments: a folder or a file, as `index_alignments` reads them.  labels: a label map, or "plain".
    Raises VqaudioError for a codebook that the store has not, labels that the map has not, two rows that would share
    an alignment, or if nothing is left.
    """
    if not 0 <= codebook < store.stamp.num_codebooks:
        raise VqaudioError(f"the store has codebooks 0 to {store.stamp.num_codebooks - 1}, not {codebook}")
    stamp = store.stamp
    index = index_alignments(
        alignments, tier=tier, sample_rate_hz=stamp.sample_rate_hz, frame_rate_hz=stamp.frame_rate_hz
    )
    rows = {row.id: row for row in store}
    index.check_distinct(rows)
    kept, report = gate_alignments({row_id: row.seconds for row_id, row in rows.items()}, index.find)
    if not kept:
        first = next((f"; the first, {row_id}: {told}" for row_id, (_, told) in report.skipped.items()), "")
        raise VqaudioError(f"no utterance of {store.folder} can be probed with {alignments}: {report}{first}")
    renamed = rename_labels(kept, labels)
    frames = _frames(store, [rows[row_id] for row_id in kept], renamed, codebook)
    return ProbeCorpus(frames, renamed, stamp.grid, _coverage(frames, rows, report))


def rename_labels(intervals: Mapping[str, list[Interval]], labels: str) -> dict[str, list[Interval]]:
    """Map the labels of intervals to a map's classes, without those that are no phone.

    Raises VqaudioError that lists every label which the map does not have, or for an unknown map.
    """
    if labels != PLAIN and labels not in MAPS:
        raise VqaudioError(f"there is no set of labels {labels!r}; there are {', '.join(MAPS)}, and {PLAIN}")
    originals = [interval.label.strip() for utterance in intervals.values() for interval in utterance]
    names = iter(originals if labels == PLAIN else label_map(labels).map_labels(originals))
    return {
        row_id: [replace(interval, label=name) for interval in utterance if (name := next(names)) != NO_PHONE]
        for row_id, utterance in intervals.items()
    }


def label_set(labels: Iterable[str]) -> LabelSet:
    """Collect the labels that occur, sorted, and which of them are silence."""
    names = tuple(sorted(set(labels)))
    return LabelSet(names, frozenset(name for name in names if name.lower() in SILENCES))


def _frames(
    store: TokenStore, rows: Iterable[TokenRow], intervals: Mapping[str, list[Interval]], codebook: int
) -> LabelledFrames:
    grid = store.stamp.grid
    labels = label_set(interval.label for utterance in intervals.values() for interval in utterance)
    utterances = [
        LabelledUtterance(
            row.id,
            row.speaker or UNKNOWN_SPEAKER,
            row.codes[codebook],
            frame_phones(intervals[row.id], labels.numbers, grid, row.codes.shape[1]),
            label_boundaries_s(intervals[row.id], row.seconds),
        )
        for row in rows
    ]
    return LabelledFrames.join(
        utterances, num_codes=store.stamp.codebook_size, labels=labels, frame_rate_hz=grid.frame_rate_hz
    )


def _coverage(frames: LabelledFrames, rows: Mapping[str, TokenRow], report: AlignmentReport) -> Coverage:
    examples: dict[str, list[str]] = {}
    for row_id, (reason, _) in report.skipped.items():
        examples.setdefault(reason, []).append(row_id)
    return Coverage(
        len(frames.ids),
        frames.num_labelled,
        len(frames.codes) - frames.num_labelled,
        sum(rows[row_id].codes.shape[1] for row_id in report.skipped),
        len(set(frames.speakers)),
        sum(rows[row_id].seconds for row_id in frames.ids),
        report.counts,
        {reason: tuple(ids[:NUM_EXAMPLES]) for reason, ids in examples.items()},
    )
