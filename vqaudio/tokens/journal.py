"""The journal of a store: rows that wait for their shard, on disk in small files, so that a kill costs seconds of work.

append -> memory -----------------------------> shard
    \\-> journal-00000.rows, journal-00001.rows    (gone once a shard has taken their rows)
"""

import time
from collections.abc import Container
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp, TokenRow, stamp_in
from vqaudio.tokens.shards import open_shard, rows_in, write_rows

SAVE_EVERY_S = 20.0  # a row waits no longer than this, and the time of writing, before it outlives the process


class Journal:
    """The rows of a store that no shard holds yet.

    every_s: how long rows may be in memory only.
    """

    def __init__(self, folder: Path, stamp: CodecStamp, every_s: float = SAVE_EVERY_S) -> None:
        self._folder, self._stamp, self._every_s = folder, stamp, every_s
        self._unsaved: dict[str, TokenRow] = {}
        self._waiting: dict[Path, set[str]] = {}  # file of the journal -> ids of its rows that no shard holds yet
        self._last_s = time.monotonic()
        self._number = 0

    def restore(self, done_ids: Container[str]) -> list[TokenRow]:
        """Read the rows that an earlier run left, without those that a shard holds.

        A file that cannot be read counts for nothing: its recordings are tokenized again.
        Raises VqaudioError if another codec wrote one.
        """
        rows: dict[str, TokenRow] = {}
        for path in journal_files(self._folder):
            self._number = int(path.stem.removeprefix("journal-")) + 1
            found = {row.id: row for row in self._rows_of(path) if row.id not in done_ids and row.id not in rows}
            if found:
                rows |= found
                self._waiting[path] = set(found)
            else:
                path.unlink()
        return list(rows.values())

    def add(self, row: TokenRow) -> None:
        """Take a row, unless the journal has it, and save those in memory when it is time."""
        if not any(row.id in ids for ids in self._waiting.values()):
            self._unsaved[row.id] = row
        self.save_if_due()

    def save_if_due(self) -> None:
        """Save the rows in memory if the last time was long ago.  Call it several times a second."""
        if time.monotonic() - self._last_s >= self._every_s:
            self.save()

    def save(self) -> None:
        """Save the rows in memory as one more file."""
        if self._unsaved:
            path = self._folder / "data" / f"journal-{self._number:05d}.rows"
            write_rows(path, list(self._unsaved.values()), self._stamp)
            self._waiting[path] = set(self._unsaved)
            self._unsaved, self._number = {}, self._number + 1
        self._last_s = time.monotonic()

    def release(self, ids: set[str]) -> None:
        """Forget rows that a shard holds now."""
        self._unsaved = {row_id: row for row_id, row in self._unsaved.items() if row_id not in ids}
        for path, waiting in list(self._waiting.items()):
            waiting -= ids
            if not waiting:
                path.unlink()
                del self._waiting[path]

    def _rows_of(self, path: Path) -> list[TokenRow]:
        try:
            with open_shard(path) as file:
                written = stamp_in(file.schema_arrow)
                rows = list(rows_in(file, self._stamp)) if written.is_same(self._stamp) else []
        except VqaudioError:
            return []
        if not written.is_same(self._stamp):
            raise VqaudioError(f"{path} was written by {written}, not by {self._stamp}; --overwrite starts again")
        return rows


def journal_files(folder: Path) -> list[Path]:
    """List the files of a store's journal, oldest first."""
    return sorted(folder.glob("data/journal-*.rows"))
