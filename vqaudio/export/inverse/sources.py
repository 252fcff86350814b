"""Where sampled ids come from: arrays and lists, and the files that programs write; no pickle is ever loaded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_text, parse_json
from vqaudio.export.formats.interface import Plan
from vqaudio.export.formats.megatron import FIRST_WIDE_VOCABULARY, read_megatron
from vqaudio.export.inverse.numbers import NO_ID, as_arrays, depth_of, grid_of, ids_of, is_texts
from vqaudio.export.inverse.texts import TextReader
from vqaudio.export.record import ExportRecord

ID_KEYS = ("input_ids", "codes", "units", "text", "ids", "tokens")
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".ckpt")
KINDS = ".npy, .bin, .jsonl, .parquet, or text"
NARROW_VOCABULARY = 65_536  # up to here a stream is uint16
ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class Sequence:
    """One sequence as it came.

    ids: 1-D int64, NO_ID for what is none; of a grid and of codes `k s`.  is_codes: codes `k t`, in no pattern.
    durations: frames of each run, where they stand beside.
    """

    ids: np.ndarray
    is_codes: bool = False
    durations: np.ndarray | None = None


class SequenceReader:
    """A reader of sequences that are like those of an export."""

    def __init__(self, record: ExportRecord) -> None:
        self._record, self._options = record, record.options
        self._texts = TextReader(record.vocabulary, has_names=record.options.style == "kaldi")

    def read(self, source: Any) -> Iterator[Sequence]:
        """Read an array, lists, lines of text, or a file.  Raises VqaudioError for what holds no ids."""
        if not isinstance(source, (str, Path)):
            return self._of_values(as_arrays(source, "the ids"), "the ids")
        path = Path(source)
        if not path.is_file():
            raise VqaudioError(f"{path} is no file; wanted ids in {KINDS}")
        suffix = path.suffix.lower()
        if suffix in PICKLES:
            raise VqaudioError(f"{path} is a pickle, which is never loaded; save the ids with numpy.save, or as JSON")
        readers = {".npy": self._of_array_file, ".bin": self._of_stream, ".parquet": self._of_table}
        return readers.get(suffix, self._of_lines)(path)

    def _of_values(self, values: Any, where: str) -> Iterator[Sequence]:
        if is_texts(values):
            yield from (self._sequence(ids) for ids in map(self._texts.read, map(str, values)) if ids is not None)
            return
        depth, whole = depth_of(values), 1 + self._options.is_grid
        if isinstance(values, np.ndarray) and not whole <= depth <= whole + 1:
            raise VqaudioError(f"{where}: wanted {whole} or {whole + 1} axes, got an array of shape {values.shape}")
        if len(values) == 0:
            return
        for number, row in enumerate(values if depth > whole else [values]):
            yield self._of_row(row, None, f"{where}, row {number}" if depth > whole else where)

    def _of_row(self, row: Any, durations: Any, where: str) -> Sequence:
        """Take ids, or codes in rows, or text, as one sequence."""
        if isinstance(row, str):
            ids = self._texts.read(row)
            return self._sequence(np.zeros(0, dtype=np.int64) if ids is None else ids, durations)
        if self._options.is_grid or depth_of(row) == 2:
            ids = grid_of(row, self._options.num_codebooks, where)
            return self._sequence(ids, durations, is_codes=not self._options.is_grid)
        return self._sequence(ids_of(row, where), durations)

    def _sequence(self, ids: np.ndarray, durations: Any = None, *, is_codes: bool = False) -> Sequence:
        is_used = durations is not None and self._options.is_deduplicated
        return Sequence(ids, is_codes, ids_of(durations, "durations") if is_used else None)

    def _of_array_file(self, path: Path) -> Iterator[Sequence]:
        try:
            values = np.load(path, allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise VqaudioError(f"{path} cannot be read as an array of numbers: {error}") from None
        yield from self._of_values(values, str(path))

    def _of_stream(self, path: Path) -> Iterator[Sequence]:
        """Read a stream in the type of numbers that the export has; Megatron's .idx beside it tells its sequences."""
        if path.with_suffix(".idx").is_file():
            plan = Plan(self._options, self._record.vocabulary)
            try:
                yield from (Sequence(ids.astype(np.int64)) for ids in read_megatron(path.parent, path.stem, plan))
            except (struct.error, ValueError, OSError, OverflowError) as error:
                raise VqaudioError(f"{path} cannot be read by the .idx beside it: {error}") from None
            return
        first_wide = FIRST_WIDE_VOCABULARY if self._options.format == "megatron" else NARROW_VOCABULARY + 1
        kind = np.dtype("<u2" if self._record.vocabulary.size < first_wide else "<u4")
        content = path.read_bytes()
        num_left = len(content) % kind.itemsize
        ids = np.frombuffer(content[: len(content) - num_left], kind).astype(np.int64)
        yield Sequence(np.append(ids, NO_ID) if num_left else ids)

    def _of_lines(self, path: Path) -> Iterator[Sequence]:
        is_json = path.suffix.lower() in (".jsonl", ".json")
        with open_text(path, newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                if is_json and line.strip():
                    yield self._of_json(line, f"{path}, line {number}")
                elif (ids := self._texts.read(line)) is not None:
                    yield self._sequence(ids)

    def _of_json(self, line: str, where: str) -> Sequence:
        try:
            content = parse_json(line)
        except ValueError as error:
            raise VqaudioError(f"{where} is no JSON: {error}; wanted a list of ids, or an object with one") from None
        known = content if isinstance(content, dict) else {ID_KEYS[0]: content}
        key = next((key for key in ID_KEYS if isinstance(known.get(key), (list, str))), None)
        if key is None:
            raise VqaudioError(f"{where} holds no list of ids; wanted one, alone or as one of {', '.join(ID_KEYS)}")
        return self._of_row(known[key], known.get("durations"), where)

    def _of_table(self, path: Path) -> Iterator[Sequence]:
        try:
            with pq.ParquetFile(path) as file:
                names = [name for name in ("input_ids", "durations") if name in file.schema_arrow.names]
                if "input_ids" not in names:
                    raise VqaudioError(f"{path} has no column input_ids; it has {', '.join(file.schema_arrow.names)}")
                number = 0
                for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, columns=names, use_threads=False):
                    for row in batch.to_pylist():
                        yield self._of_row(row["input_ids"] or [], row.get("durations"), f"{path}, row {number}")
                        number += 1
        except (pa.ArrowException, OSError) as error:
            raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None
