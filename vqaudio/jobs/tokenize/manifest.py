"""Manifests of recordings: tables with a row for each file or segment, as CSV, TSV, JSON lines or Parquet.

    column    path       start    duration    id          speaker   text
    what      the file   seconds  seconds     of the row  of the row
    without   error      0        to the end  from path   none      none

Other columns are left alone.  JSON lines may be lhotse's recordings or cuts, see `vqaudio.jobs.tokenize.lhotse`.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.audio.folders import AudioPath
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_csv, parse_json, text_lines
from vqaudio.jobs.containers.texts import text_in
from vqaudio.jobs.naming import is_safe
from vqaudio.jobs.sources import Source, sources_of
from vqaudio.jobs.tokenize.inputs import id_of_path
from vqaudio.jobs.tokenize.lhotse import is_lhotse, row_of

COLUMNS = ("path", "id", "start", "duration", "speaker", "text")
OTHER_NAMES = {  # of other programs' manifests: a segment that was left alone would be a whole recording
    "start_s": "start", "end_s": "duration (the length, not the end)", "end": "duration (the length, not the end)",
    "offset": "start", "audio_filepath": "path",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A row: place is where it stands, in words; duration_s None is the file's end."""

    place: str
    id: str
    path: str
    start_s: float
    duration_s: float | None
    speaker: str | None
    text: str | None


def sources_of_manifest(path: Path) -> list[Source]:
    """Read the sources of a manifest, sorted by id; its paths are relative to its folder, or absolute.

    Without a column id the id is the path as it is written; of a segment `a/1.wav` from 0.5 s to 2 s it is
    `a/1#0.500-2.000.wav`.  A file that is not there is a source that is refused.
    Raises VqaudioError with the line's number if a row lacks its path, has a time that is none, or an id twice.
    """
    entries: dict[str, Entry] = {}
    for place, row in _rows(path):
        entry = _entry(place, row)
        if entry.id in entries:
            raise VqaudioError(
                f"{place} has the id {entry.id!r}, which {entries[entry.id].place} has already; give each row an id "
                "of its own, in a column id"
            )
        entries[entry.id] = entry
    if not entries:
        raise VqaudioError(f"{path} has no rows; wanted one for each recording")
    files = [AudioPath(entry.id, os.path.join(path.parent, entry.path)) for entry in entries.values()]
    return [_with_facts(source, entries[source.id]) for source in sources_of(files)]


def _with_facts(source: Source, entry: Entry) -> Source:
    end_s = None if entry.duration_s is None else entry.start_s + entry.duration_s
    return replace(source, start_s=entry.start_s, end_s=end_s, speaker=entry.speaker, text=entry.text)


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Read the rows with the place of each, in words.  Raises VqaudioError if the file or a line cannot be read."""
    name = path.name.lower()
    if name.endswith((".csv", ".tsv")):
        return _table_rows(path, has_tabs=name.endswith(".tsv"))
    if name.endswith((".jsonl", ".jsonl.gz")):
        return _json_rows(path)
    if name.endswith(".parquet"):
        return _parquet_rows(path)
    raise VqaudioError(f"{path}: wanted a manifest that ends in .csv, .tsv, .jsonl, .jsonl.gz or .parquet")


def _table_rows(path: Path, *, has_tabs: bool) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with open_csv(path, has_tabs=has_tabs) as reader:
        names = list(reader.fieldnames or [])
        _check_columns(str(path), names)
        for row in reader:
            place = f"line {reader.line_num} of {path}"
            num_cells = sum(cell is not None for name, cell in row.items() if name is not None)
            num_cells += len(row.get(None) or ())  # pyright: ignore[reportArgumentType,reportCallIssue]
            if num_cells != len(names):
                raise VqaudioError(f"{place} has {num_cells} cells, the first line names {len(names)}; mend it")
            yield place, {name: cell or None for name, cell in row.items()}


def _json_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for number, line in enumerate(text_lines(path), start=1):
        place = f"line {number} of {path}"
        if not line.strip():
            continue
        try:
            row = parse_json(line)
        except ValueError as error:
            raise VqaudioError(f"{place} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise VqaudioError(f"{place} is not a JSON object; wanted one with {', '.join(COLUMNS)}")
        if is_lhotse(row):
            row = row_of(row, place)
        _check_columns(place, list(row))
        yield place, row


def _parquet_rows(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with pq.ParquetFile(path) as file:
            names, num_before = file.schema_arrow.names, 0
            _check_columns(str(path), names)
            for batch in file.iter_batches(columns=[name for name in COLUMNS if name in names], use_threads=False):
                for number, row in enumerate(batch.to_pylist(), start=num_before + 1):
                    yield f"row {number} of {path}", row
                num_before += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None


def _check_columns(place: str, names: list[str]) -> None:
    if twice := [name for name in COLUMNS if names.count(name) > 1]:
        raise VqaudioError(f"{place} has the column {twice[0]} twice; rename one")
    if other := [name for name in OTHER_NAMES if name in names]:
        raise VqaudioError(f"{place} has the column {other[0]}; call it {OTHER_NAMES[other[0]]}")
    if "path" not in names:
        raise VqaudioError(
            f"{place} has no column path, only {', '.join(names) or 'none'}; wanted {', '.join(COLUMNS)}"
        )


def _entry(place: str, row: Mapping[str, Any]) -> Entry:
    """Check the cells of a row.  Raises VqaudioError that names its place."""
    path, row_id, speaker, text = (text_in(place, row, name) for name in ("path", "id", "speaker", "text"))
    start_s, duration_s = _seconds(place, row, "start"), _seconds(place, row, "duration")
    if path is None:
        raise VqaudioError(f"{place} has an empty path; name a sound file there")
    if duration_s == 0:
        raise VqaudioError(f"{place} has duration 0; wanted seconds above 0, or nothing for the rest of the file")
    if row_id is None:
        row_id = _id_of(path, start_s, duration_s)
    elif not is_safe(row_id):
        raise VqaudioError(
            f"{place} has the id {row_id!r}; wanted one without / at its start or end, . or .. between /"
        )
    return Entry(place, row_id, path, start_s or 0.0, duration_s, speaker, text)


def _id_of(path: str, start_s: float | None, duration_s: float | None) -> str:
    row_id = id_of_path(path) or path
    if not start_s and duration_s is None:
        return row_id
    end = "" if duration_s is None else f"{(start_s or 0.0) + duration_s:.3f}"
    name = PurePosixPath(row_id)
    return str(name.with_name(f"{name.stem}#{start_s or 0.0:.3f}-{end}{name.suffix}"))


def _seconds(place: str, row: Mapping[str, Any], name: str) -> float | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise VqaudioError(f"{place}: {name} is {value!r}; wanted seconds, a number from 0 on")
    return seconds
