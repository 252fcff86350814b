"""The check of an export: read back by readers that share no code with the writers, and compared with its store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.documents import DocumentCoder
from vqaudio.export.formats.interface import Plan
from vqaudio.export.formats.table import format_of
from vqaudio.export.index import IndexEntry, read_index
from vqaudio.export.packing import Cutter
from vqaudio.export.record import ExportRecord
from vqaudio.tokens.splits import SPLITS, split_of
from vqaudio.tokens.store import TokenStore


@dataclass(frozen=True)
class CheckReport:
    """The size of what a check compared; all of it was equal."""

    num_documents: int
    num_codes: int


def read_export(folder: str | Path, split: str) -> Iterator[tuple[IndexEntry, np.ndarray]]:
    """Read the documents of a split as (entry, codes `k t` int64), in the order of the store, in constant memory.

    Raises VqaudioError if the folder is no finished export or what it holds does not fit its record.
    """
    folder = Path(folder)
    record = ExportRecord.read(folder)
    options, vocabulary = record.options, record.vocabulary
    coder = DocumentCoder(options, record.stamp.codebook_size, vocabulary)
    cutter = Cutter(_bordered(folder, split, record))
    for entry in read_index(folder, split):
        yield entry, coder.decode(cutter.take(entry.length).astype(np.int64), entry.durations)
    cutter.require_end(vocabulary.special("<|pad|>") if options.context_tokens else None)


def _bordered(folder: Path, split: str, record: ExportRecord) -> Iterator[np.ndarray]:
    """Read the sequences; where they are documents, check each against the length that the index gives."""
    options = record.options
    format_ = format_of(options.format, options.style)
    sequences = format_.read(folder, split, Plan(options, record.vocabulary))
    if options.context_tokens or not format_.has_borders:
        yield from sequences
        return
    entries = read_index(folder, split)
    for tokens in sequences:
        entry = next(entries, None)
        if entry is None or entry.length != len(tokens):
            wanted = f"{entry.id} of {entry.length}" if entry else "the end"
            raise VqaudioError(f"{folder}: the {split} split has a sequence of {len(tokens)} tokens, not {wanted}")
        yield tokens


def check_export(
    folder: str | Path,
    store: TokenStore,
    on_progress: Callable[[int, int], object] = lambda num_rows, num_samples: None,
) -> CheckReport:
    """Check that the export holds the codes of every row of the store, each in its split, and nothing else.

    Raises VqaudioError that names the first difference.
    """
    record = ExportRecord.read(Path(folder))
    options = record.options
    if replace(record.stamp, name=store.stamp.name) != store.stamp:
        raise VqaudioError(f"{folder} was exported from codes of {record.stamp}, not of {store.stamp}")
    # Every row of the store is the next document of its split, code for code.
    documents = {split: read_export(folder, split) for split in SPLITS}
    speakers: dict[str, set[str]] = {split: set() for split in SPLITS}
    num_documents = num_codes = 0
    for row in store:
        split = split_of(row.speaker, row.id, options.validation)
        entry, codes = next(documents[split], (None, None))
        if entry is None or codes is None or entry.id != row.id:
            raise VqaudioError(f"{folder} has {entry.id if entry else 'nothing'} in {split} where {row.id} belongs")
        wanted = row.codes[: options.num_codebooks]
        if not np.array_equal(codes, wanted):
            raise VqaudioError(f"{folder}: the codes of {row.id} are not those of the store; export again")
        if entry.speaker:
            speakers[split].add(entry.speaker)
        num_documents, num_codes = num_documents + 1, num_codes + codes.size
        on_progress(1, row.num_samples)
    # Nothing is left over, and no speaker is in both splits.
    for split, rest in documents.items():
        entry, _ = next(rest, (None, None))
        if entry is not None:
            raise VqaudioError(f"{folder} holds {entry.id} in {split}, which its store does not; export again")
    both = speakers["train"] & speakers["validation"]
    if both:
        raise VqaudioError(f"{folder}: the speaker {min(both)} is in both splits; export again")
    return CheckReport(num_documents, num_codes)
