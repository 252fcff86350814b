"""Cells of sound in a table, as `datasets` writes them: a struct of a sound file's bytes, or its path, or both.

Rows are asked for from front to back, but for some: batches are read in this order and one is held, so that memory does
not grow with the file.  For an earlier row it is read again, from the row group on in which that row is.
"""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.table_file import READ_ERRORS, TableFile

BATCH_ROWS = 8  # held at a time, of Parquet


class Sound(NamedTuple):
    """A cell.  content: of a sound file, None if it lies elsewhere; path: its name, or where it lies."""

    content: bytes | None
    path: str | None


class Cells:
    """The cells of one column of sound.  Raises VqaudioError if the file is no table."""

    def __init__(self, path: str, column: str) -> None:
        self.path, self.column, self._file = path, column, TableFile(path)
        self._batches: Iterator[pa.RecordBatch] = iter(())
        self._batch: pa.RecordBatch | None = None
        self._start = 0  # row of the batch's first

    def at(self, row: int) -> Sound:
        """Read a cell.  Raises VqaudioError if it cannot be read, or there is neither sound nor path."""
        try:
            cell = self._cell(row)
        except (*READ_ERRORS, KeyError, StopIteration) as error:
            self._batch = None
            raise VqaudioError(f"{self.path}: row {row} cannot be read: {error or 'it is not there'}") from None
        sound = Sound(cell.get("bytes"), cell.get("path"))
        if sound.content is None and not sound.path:
            raise VqaudioError(f"{self.path}: row {row} has neither bytes nor path in its column {self.column}")
        return sound

    def _cell(self, row: int) -> dict:
        group, start = self._file.group_at(row)
        batch = self._batch
        if batch is None or row < self._start or start > self._start + batch.num_rows:
            self._batches, self._start = self._file.batches([self.column], BATCH_ROWS, group), start
            batch = next(self._batches)
        while row >= self._start + batch.num_rows:
            self._start += batch.num_rows
            batch = next(self._batches)
        self._batch = batch
        return batch.column(0)[row - self._start].as_py() or {}
