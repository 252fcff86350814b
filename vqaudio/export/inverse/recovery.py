"""Ids that a model sampled as codes: everything that an export did is undone, and what does not fit is counted."""

from collections import Counter
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.inverse.frames import whole_frames
from vqaudio.export.inverse.sources import Sequence, SequenceReader
from vqaudio.export.record import RECORD, ExportRecord
from vqaudio.tokens.patterns import keeps_padding, pad_unit
from vqaudio.tokens.runs import from_runs
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.vocabulary import expand

BORDERS = ("<|bos|>", "<|eos|>", "<|text|>", "<|speech|>")
MAX_FRAMES = 10_000_000  # of one recording, by durations that stand beside its ids: 55 hours


@dataclass(frozen=True, eq=False)
class RecoveredCodes:
    """The codes of recordings, and what was given beside them.

    codes: `k t` uint16 of each recording, none without frames.  stamp: the codec to decode them with.
    num_ids: all that came.  num_marks: BOS, EOS, padding, text and speakers.  num_unknown: ids of no token, and what
    is no id.  num_broken: codes of frames that lack others.  num_empty: sequences without one whole frame.
    num_untimed: runs whose durations were not given, each of which lasts `run_frames`.
    """

    codes: tuple[np.ndarray, ...]
    stamp: CodecStamp
    num_ids: int = 0
    num_marks: int = 0
    num_unknown: int = 0
    num_broken: int = 0
    num_empty: int = 0
    num_untimed: int = 0


def codes_from_ids(ids: Any, like: str | PathLike[str] | ExportRecord, *, run_frames: int = 1) -> RecoveredCodes:
    """Turn ids that a language model sampled into codes.

    ids: an array, lists, lines of text, or the path of a file of them (.npy, .bin, .jsonl, .parquet, text); each row is
    a sequence of its own, which BOS, EOS and prefixes cut into recordings.
    like: the folder of the export that the model learned from.
    run_frames: the length of a run where equal frames were merged and no durations stand beside the ids.
    Raises VqaudioError for a source that holds no ids; ids that make no sense are dropped and counted.
    """
    if run_frames < 1:
        raise VqaudioError(f"a run lasts 1 frame or more, got {run_frames}")
    record = like if isinstance(like, ExportRecord) else ExportRecord.read(_folder_of(like))
    recoverer = _Recoverer(record, run_frames)
    for sequence in SequenceReader(record).read(ids):
        recoverer.push(sequence)
    stamp = replace(record.stamp, num_codebooks=record.options.num_codebooks, pitch_steps=0)  # ids have no pitch
    return RecoveredCodes(tuple(recoverer.codes), stamp, **recoverer.counts)


def _folder_of(like: str | PathLike[str]) -> Path:
    return Path(like).parent if Path(like).name == RECORD else Path(like)


class _Recoverer:
    """The recoverer of codes, sequence by sequence."""

    def __init__(self, record: ExportRecord, run_frames: int) -> None:
        self._options, self._words, self._run_frames = record.options, record.vocabulary, run_frames
        self._size = record.stamp.codebook_size
        self._borders = [self._words.special(name) for name in BORDERS]
        self._borders += [self._words.speaker(name) for name in self._words.speakers]
        options = record.options
        self._is_joined = not (options.has_bos or options.has_eos or options.prefix)
        self.codes: list[np.ndarray] = []
        self.counts: Counter[str] = Counter()

    def push(self, sequence: Sequence) -> None:
        """Recover the recordings of a sequence."""
        self.counts["num_ids"] += sequence.ids.size
        if sequence.is_codes:
            found = self._of_codes(sequence.ids)
        elif self._options.is_grid:
            found = self._of_units(self._units_of_grid(sequence.ids))
        else:
            found = [frames for units in self._pieces(sequence.ids) for frames in self._of_units(units)]
        self.counts["num_empty"] += not found
        for frames in found:
            durations = sequence.durations if len(found) == 1 else None
            self.codes.append(self._timed(frames, durations).astype(np.uint16))

    def _of_codes(self, ids: np.ndarray) -> list[np.ndarray]:
        is_code = (ids >= 0) & (ids < self._size)
        frames = ids[:, is_code.all(axis=0)]
        self.counts["num_unknown"] += int((~is_code).sum())
        self.counts["num_broken"] += int(is_code.sum()) - frames.size
        return [frames] if frames.size else []

    def _units_of_grid(self, grid: np.ndarray) -> np.ndarray:
        """Read a grid `k s` step by step as units; what is no code is padding."""
        is_code, is_pad = (grid >= 0) & (grid < self._size), grid == self._size
        self.counts["num_unknown"] += int((~is_code & ~is_pad).sum())
        units = np.where(is_code, grid + np.arange(len(grid))[:, None] * self._size, pad_unit(len(grid), self._size))
        return units.T.ravel() if keeps_padding(self._options.pattern) else units.T[is_code.T]

    def _pieces(self, ids: np.ndarray) -> list[np.ndarray]:
        """Cut ids at the borders of documents.  Returns the units of each piece that has any."""
        words = self._words
        is_symbol, is_known = words.is_symbol(ids), (ids >= 0) & (ids < words.num_used)
        self.counts["num_unknown"] += int((~is_known).sum())
        self.counts["num_marks"] += int((is_known & ~is_symbol).sum())
        numbers = np.cumsum(np.isin(ids, self._borders))[is_symbol]
        pieces = np.split(ids[is_symbol] - words.offset, np.flatnonzero(np.diff(numbers)) + 1)
        return [expand(piece, words.num_units, words.merges) for piece in pieces if len(piece)]

    def _of_units(self, units: np.ndarray) -> list[np.ndarray]:
        options = self._options
        found = whole_frames(units, options.pattern, options.num_codebooks, self._size, is_joined=self._is_joined)
        num_codes = int((units < options.num_codebooks * self._size).sum())
        self.counts["num_broken"] += num_codes - sum(frames.size for frames in found)
        return found

    def _timed(self, frames: np.ndarray, durations: np.ndarray | None) -> np.ndarray:
        """Give merged frames their lengths: the durations beside them where they fit, else `run_frames`."""
        if not self._options.is_deduplicated:
            return frames
        num_runs = frames.shape[1]
        if durations is not None and _fit(durations, num_runs):
            return from_runs(frames, durations)
        self.counts["num_untimed"] += num_runs
        return from_runs(frames, np.full(num_runs, self._run_frames))


def _fit(durations: np.ndarray, num_runs: int) -> bool:
    return len(durations) == num_runs and durations.min() >= 1 and durations.sum() <= MAX_FRAMES
