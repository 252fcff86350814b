"""Tables with a column of sound: what `Dataset.save_to_disk` writes, and the Parquet files of a data set on the hub.

A row's id is its cell in the column `id`, below the folders that lead to the file; without such a column it is the
number of the row, below the file's own path: `train/data-00000-of-00002/000000017`.  `speaker` (or `speaker_id`) and
`text` are kept.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Part
from vqaudio.jobs.containers.table_file import READ_ERRORS, TableFile
from vqaudio.jobs.containers.texts import text_in
from vqaudio.jobs.naming import is_safe
from vqaudio.jobs.sources import Source

SUFFIXES = (".arrow", ".parquet")
COLUMNS = ("id", "speaker", "speaker_id", "text")
BATCH_ROWS = 1_024


def sources_in_table(path: Path, name: str) -> list[Source]:
    """Find the recordings of a table, in the order of its rows; of the sound nothing is read.

    name: what stands before a row's number, "" for nothing.  What is damaged is a source that is refused, under the
    name of the file or of the row: it is reported and stops nothing.
    """
    sources = list[Source]()
    try:
        file = TableFile(str(path))
        column = file.sound_column()
        for number, row in enumerate(_rows(file, column)):
            sources.append(_source(path, name, number, row, column))
        if not sources:
            raise VqaudioError("holds no rows")
    except (VqaudioError, *READ_ERRORS) as error:
        reason = str(error).removeprefix(f"{path}: ")
        lost = f"; from row {len(sources)} on all is lost" if sources else ""
        sources.append(Source(name or path.name, str(path), refusal=f"the table {path.name}: {reason}{lost}"))
    num_bytes = path.stat().st_size // len(sources) if path.exists() else 0  # on average: for the time that is left
    return [replace(source, num_bytes=num_bytes) for source in sources]


def _rows(file: TableFile, column: str) -> Iterator[Mapping[str, Any]]:
    """Read what is known of every row.  Raises what READ_ERRORS lists."""
    known = [name for name in COLUMNS if file.schema.names.count(name) == 1]
    # Without a known column something has to tell how many rows there are; a batch of sound would be read for it.
    if not known and (num_rows := file.num_rows) is not None:
        yield from ({} for _ in range(num_rows))
        return
    for batch in file.batches(known or [column], BATCH_ROWS):
        yield from batch.to_pylist() if known else ({} for _ in range(len(batch)))


def _source(path: Path, name: str, number: int, row: Mapping[str, Any], column: str) -> Source:
    """Make the source of a row; cells that are no text refuse it."""
    row_id, speaker, text, refusal = f"{name}/{number:09d}" if name else f"{number:09d}", None, None, None
    place = f"row {number}"
    try:
        own_id = text_in(place, row, "id")
        if own_id is not None and not is_safe(own_id):
            raise VqaudioError(f"{place} has the id {own_id!r}; wanted one without / at its ends, . or .. between /")
        if own_id is not None:
            folders = name.rpartition("/")[0]
            row_id = f"{folders}/{own_id}" if folders else own_id
        speaker = text_in(place, row, "speaker") or text_in(place, row, "speaker_id")
        text = text_in(place, row, "text")
    except VqaudioError as error:
        refusal = str(error)
    return Source(row_id, str(path), 0, speaker, text, refusal, part=Part("", number, 0, column))
