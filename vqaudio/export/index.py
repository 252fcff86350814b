"""The document index `documents/`, one row for each document: what its tokens alone do not say.

It makes every format invertible.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from vqaudio.export.documents import Document
from vqaudio.export.growing import GrowingTable, table_rows

FOLDER = "documents"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("speaker", pa.string()),
        ("text", pa.string()),
        ("seconds", pa.float64()),
        ("num_samples", pa.int64()),
        ("start", pa.int64()),
        ("length", pa.int64()),
        ("durations", pa.list_(pa.int32())),
    ]
)


@dataclass(frozen=True, eq=False)
class IndexEntry:
    """The index entry of one document.

    length: its tokens, in the joined sequences of its split.  durations: frames of each run, None where not merged.
    """

    id: str
    speaker: str | None
    length: int
    durations: np.ndarray | None


class IndexWriter:
    """The writer of the index of one split.

    num_files, num_tokens: those of an interrupted export.
    """

    def __init__(self, folder: Path, split: str, *, num_files: int = 0, num_tokens: int = 0) -> None:
        self._table = GrowingTable(folder / FOLDER, split, SCHEMA, num_files)
        self.num_tokens = num_tokens

    def write(self, document: Document) -> None:
        """Append the entry of a document."""
        row, durations = document.row, document.durations
        entry = {name: getattr(row, name) for name in ("id", "speaker", "text", "seconds", "num_samples")}
        entry |= {"start": self.num_tokens, "length": len(document.tokens), "durations": durations}
        self._table.write(entry, weight=0 if durations is None else len(durations))
        self.num_tokens += len(document.tokens)

    def sync(self) -> int:
        """Complete the current file on the disk and return the number of files."""
        return self._table.sync()


def read_index(folder: Path, split: str) -> Iterator[IndexEntry]:
    """Read all entries of a split in order.  Raises VqaudioError if a file is damaged."""
    for row in table_rows(folder / FOLDER, split, ["id", "speaker", "length", "durations"]):
        durations = None if row["durations"] is None else np.asarray(row["durations"], dtype=np.int64)
        yield IndexEntry(row["id"], row["speaker"], row["length"], durations)
