"""Files that grow while an export runs, and resume from the last checkpoint of an interrupted one."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.errors import VqaudioError

BUFFER_BYTES = 1 << 20
GROUP_WEIGHT = 1_000_000  # numbers that are held before a row group is written: a few megabytes


class GrowingFile:
    """A file that bytes are appended to; open only while it is written, so that nothing is left open if a run ends.

    num_bytes: the length at the last checkpoint; what follows is cut off.
    """

    def __init__(self, path: Path, num_bytes: int = 0) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if path.stat().st_size < num_bytes:
            raise VqaudioError(f"{path} is shorter than its interrupted export had made it; remove {path.parent}")
        os.truncate(path, num_bytes)
        self._parts: list[bytes] = []
        self._num_waiting = 0

    def write(self, content: bytes) -> None:
        """Append bytes."""
        self._parts.append(content)
        self._num_waiting += len(content)
        if self._num_waiting >= BUFFER_BYTES:
            self._flush()

    def sync(self) -> int:
        """Flush everything to the disk and return the length in bytes."""
        return self._flush(is_durable=True)

    def _flush(self, *, is_durable: bool = False) -> int:
        with open(self.path, "ab") as file:
            file.write(b"".join(self._parts))
            self._parts, self._num_waiting = [], 0
            file.flush()
            if is_durable:
                os.fsync(file.fileno())
            return file.tell()


class GrowingTable:
    """Parquet files `stem-00000.parquet`, ... of which each `sync` completes one.

    num_files: the files at the last checkpoint; those after them are deleted.
    """

    def __init__(self, folder: Path, stem: str, schema: pa.Schema, num_files: int = 0) -> None:
        self._folder, self._stem, self._schema = folder, stem, schema
        self._num_files = num_files
        self._rows: list[dict[str, Any]] = []
        self._weight = 0
        self._file: pq.ParquetWriter | None = None
        folder.mkdir(parents=True, exist_ok=True)
        for path in table_files(folder, stem)[num_files:]:
            path.unlink()

    def write(self, row: dict[str, Any], weight: int) -> None:
        """Append a row.  weight: about how many numbers it holds."""
        self._rows.append(row)
        self._weight += weight + 1
        if self._weight >= GROUP_WEIGHT:
            self._flush()

    def sync(self) -> int:
        """Complete the current file on the disk and return the number of files."""
        self._flush()
        if self._file:
            self._file.close()
            self._file = None
            with open(self._path(), "rb+") as file:
                os.fsync(file.fileno())
            self._num_files += 1
        return self._num_files

    def _flush(self) -> None:
        if not self._rows:
            return
        if self._file is None:
            self._file = pq.ParquetWriter(self._path(), self._schema, compression="zstd")
        self._file.write_table(pa.Table.from_pylist(self._rows, self._schema))
        self._rows, self._weight = [], 0

    def _path(self) -> Path:
        return self._folder / f"{self._stem}-{self._num_files:05d}.parquet"


def table_files(folder: Path, stem: str) -> list[Path]:
    """List the files of one table, in their order."""
    return sorted(folder.glob(f"{stem}-[0-9]*.parquet"))


def table_rows(folder: Path, stem: str, columns: Sequence[str]) -> Any:
    """Read all rows of a table as dictionaries, a few in memory at a time.

    Raises VqaudioError if a file is damaged.
    """
    for path in table_files(folder, stem):
        try:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=16, columns=list(columns), use_threads=False):
                    yield from batch.to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None
