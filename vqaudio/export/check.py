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
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.splits import SPLITS, split_of
from vqaudio.tokens.store import TokenStore

NO_TOKEN = -1  # the id of what cannot stand in a document


@dataclass(frozen=True)
class CheckReport:
    """The size of what a check compared; all of it was equal."""

    num_documents: int
    num_codes: int


def read_export(folder: str | Path, split: str) -> Iterator[tuple[IndexEntry, np.ndarray]]:
    """Read the documents of a split as (entry, codes `k t` int64), in the order of the store, in constant memory.

    Raises VqaudioError if the folder is no finished export or what it holds does not fit its record.
    """
    record = ExportRecord.read(Path(folder))
    coder = DocumentCoder(record.options, record.stamp.codebook_size, record.vocabulary)
    for entry, tokens in _documents(Path(folder), split, record):
        yield entry, coder.decode(tokens, entry.durations)


def _documents(folder: Path, split: str, record: ExportRecord) -> Iterator[tuple[IndexEntry, np.ndarray]]:
    """Read the documents of a split as (entry, tokens 1-D int64)."""
    cutter = Cutter(_bordered(folder, split, record))
    for entry in read_index(folder, split):
        yield entry, cutter.take(entry.length).astype(np.int64)
    cutter.require_end(record.vocabulary.special("<|pad|>") if record.options.context_tokens else None)


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

    Around the codes stand the tokens that the export's options ask for, in every document; the ids of a text are those
    of its bytes, or any of the text tokenizer.
    Raises VqaudioError that names the first difference.
    """
    record = ExportRecord.read(Path(folder))
    options = record.options
    if replace(record.stamp, name=store.stamp.name) != store.stamp:
        raise VqaudioError(f"{folder} was exported from codes of {record.stamp}, not of {store.stamp}")
    # Every row of the store is the next document of its split, code for code.
    coder = DocumentCoder(options, record.stamp.codebook_size, record.vocabulary)
    documents = {split: _documents(Path(folder), split, record) for split in SPLITS}
    speakers: dict[str, set[str]] = {split: set() for split in SPLITS}
    num_documents = num_codes = 0
    for row in store:
        split = split_of(row.speaker, row.id, options.validation)
        entry, tokens = next(documents[split], (None, None))
        if entry is None or tokens is None or entry.id != row.id:
            raise VqaudioError(f"{folder} has {entry.id if entry else 'nothing'} in {split} where {row.id} belongs")
        codes, wanted = coder.decode(tokens, entry.durations), row.codes[: options.num_codebooks]
        if not np.array_equal(codes, wanted):
            raise VqaudioError(f"{folder}: the codes of {row.id} are not those of the store; export again")
        if not options.is_grid and not np.array_equal(tokens, _framed(tokens, row, record)):
            raise VqaudioError(
                f"{folder}: {row.id} begins or ends with other tokens than the options in its record ask for (BOS, "
                f"EOS, speaker, text); export again"
            )
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


def _framed(tokens: np.ndarray, row: TokenRow, record: ExportRecord) -> np.ndarray:
    """Put the tokens that the options ask for around the symbols of a document, and around the ids of its text."""
    options, vocabulary, head = record.options, record.vocabulary, list[int]()
    if options.has_bos:
        head.append(vocabulary.special("<|bos|>"))
    if "speaker" in options.prefix and row.speaker:
        try:
            head.append(vocabulary.speaker(row.speaker))
        except KeyError:  # a name that the export does not know
            head.append(NO_TOKEN)
    if "text" in options.prefix and row.text:
        own = [vocabulary.byte(value) for value in row.text.encode()] if vocabulary.has_bytes else None
        head += [vocabulary.special("<|text|>"), *(tokens[tokens < vocabulary.offset] if own is None else own)]
    if options.prefix:
        head.append(vocabulary.special("<|speech|>"))
    tail = [vocabulary.special("<|eos|>")] * options.has_eos
    return np.array([*head, *tokens[vocabulary.is_symbol(tokens)], *tail], dtype=np.int64)
