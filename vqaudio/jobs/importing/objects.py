"""Rows with named cells: JSON lines, and Parquet files."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json, text_lines
from vqaudio.jobs.importing.rows import FoundRow, Rows

ID_KEYS = ("id", "audio", "file", "path", "name", "utt_id")
CODES_KEYS = ("codes", "units", "tokens", "input_ids", "hubert", "wavlm", "cpc", "w2v2", "logmel")
DURATIONS_KEYS = ("durations", "duration")
ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Keys:
    """The names of cells; None: the first of ID_KEYS, CODES_KEYS, DURATIONS_KEYS that is there."""

    id: str | None = None
    codes: str | None = None
    durations: str | None = None


def json_rows(path: Path, keys: Keys) -> Rows:
    """Read an object from each line, JSON or, as GSLM's scripts print them, a dictionary of Python."""
    for place, content in objects_in(path):
        if isinstance(content, Mapping):
            yield row_of(content, place, keys)
        else:
            yield FoundRow(place, place, reason="is no JSON object")


def parquet_rows(path: Path, keys: Keys) -> Rows:
    """Read the rows of a Parquet file.  Raises VqaudioError if it is none or lacks the columns."""
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _key("id", keys.id, ID_KEYS, names, str(path))
            _key("codes", keys.codes, CODES_KEYS, names, str(path))
            kinds = {field.name: field.type for field in file.schema_arrow}
            plain = [name for name, kind in kinds.items() if not pa.types.is_binary(kind) and not _holds_sound(kind)]
            number = 0
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=plain, use_threads=False):
                for content in batch.to_pylist():
                    number += 1
                    yield row_of(content, f"row {number} of {path}", keys)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None


def row_of(content: Mapping[str, Any], place: str, keys: Keys) -> FoundRow:
    """Make a row of named cells."""
    names = list(content)
    try:
        row_id = content[_key("id", keys.id, ID_KEYS, names, "it")]
        codes = content[_key("codes", keys.codes, CODES_KEYS, names, "it")]
    except VqaudioError as error:
        return FoundRow(place, place, reason=str(error))
    if not isinstance(row_id, (str, int)) or row_id == "":
        return FoundRow(place, place, reason=f"has the id {row_id!r}; wanted a text")
    durations = content.get(keys.durations) if keys.durations else None
    if keys.durations is None:  # one number is the recording's length in seconds, as GSLM has it
        durations = next(
            (found for name in DURATIONS_KEYS if isinstance(found := content.get(name), (list, str))), None
        )
    num_samples = content.get("num_samples")
    known = {name: value for name in ("speaker", "text") if isinstance(value := content.get(name), str)}
    is_count = isinstance(num_samples, int) and not isinstance(num_samples, bool) and num_samples > 0
    return FoundRow(str(row_id), place, codes, durations, num_samples if is_count else None, **known)


def objects_in(path: Path) -> Iterator[tuple[str, Any]]:
    """Read what each line of a file holds, with its place; None for a line that is no object."""
    for number, line in enumerate(text_lines(path), 1):
        if not line.strip():
            continue
        try:
            content = parse_json(line)
        except ValueError:
            content = _dictionary(line)
        yield f"line {number} of {path}", content


def _dictionary(line: str) -> Any:
    try:
        return ast.literal_eval(line.strip())  # literals alone: nothing is run
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _key(what: str, wanted: str | None, usual: tuple[str, ...], names: list[str], where: str) -> str:
    found = wanted if wanted in names else None if wanted else next((name for name in usual if name in names), None)
    if found is None:
        asked = wanted or " or ".join(usual[:3])
        raise VqaudioError(
            f"{where} has no {asked}, only {', '.join(names[:8]) or 'nothing'}; name it with --{what}-key"
        )
    return found


def _holds_sound(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and any(pa.types.is_binary(kind.field(i).type) for i in range(kind.num_fields))
