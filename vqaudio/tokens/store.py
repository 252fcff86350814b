"""The token store: codes read from disk.  Probes, priors and exports need nothing else of a codec."""

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from vqaudio.core.durable import sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.failures import read_failures
from vqaudio.tokens.manifest import Manifest, read_manifest, require_shards
from vqaudio.tokens.schema import CodecStamp, TokenRow, arrow_schema, table_of
from vqaudio.tokens.shards import ids_in, open_listed, row_at, rows_in

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame


class TokenStore:
    """A folder of codes.  Iterating gives every TokenRow in the order of writing, in constant memory."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._positions: dict[str, tuple[int, int]] | None = None  # id -> number of its shard, number of its row there

    @classmethod
    def open(cls, folder: str | Path, codec: CodecStamp | None = None) -> "TokenStore":
        """Open a store that `vqaudio tokenize` or a TokenWriter made; while one is being written, its complete shards.

        codec: the stamp of the codec that is to read it.  Raises VqaudioError if the folder is no store, if a shard
        is missing, or if another codec made the codes.
        """
        folder = Path(folder)
        manifest = read_manifest(folder)
        if codec is not None:
            manifest.stamp.require_same(codec)
        require_shards(folder, manifest.shards)
        return cls(folder, manifest)

    @property
    def stamp(self) -> CodecStamp:
        """The codec that made the codes."""
        return self.manifest.stamp

    @property
    def num_rows(self) -> int:
        """Files that have codes."""
        return self.manifest.num_rows

    def __len__(self) -> int:
        return self.num_rows

    def __iter__(self) -> Iterator[TokenRow]:
        for shard in self.manifest.shards:
            with open_listed(self.folder, shard) as file:
                yield from rows_in(file, self.stamp)

    def __getitem__(self, key: int | str) -> TokenRow:
        """Read one row by its place in the order of writing, from the end if negative, or by its id.

        Raises IndexError for a place and VqaudioError for an id that is not there.
        """
        if isinstance(key, str):
            return self.row(key)
        place = key + self.num_rows if key < 0 else key
        if not 0 <= place < self.num_rows:
            raise IndexError(f"row {key} of a store of {self.num_rows}")
        for shard in self.manifest.shards:
            if place < shard.num_rows:
                with open_listed(self.folder, shard) as file:
                    return row_at(file, place, self.stamp)
            place -= shard.num_rows
        raise AssertionError("the rows of the shards add up to those of the store")

    def ids(self) -> list[str]:
        """List all ids, in the order of the rows; the codes are not read."""
        return [row_id for shard in self.manifest.shards for row_id in ids_in(self.folder, shard)]

    def row(self, row_id: str) -> TokenRow:
        """Read one row by its id.  Raises VqaudioError if there is none."""
        if self._positions is None:
            self._positions = {
                name: (shard_number, row_number)
                for shard_number, shard in enumerate(self.manifest.shards)
                for row_number, name in enumerate(ids_in(self.folder, shard))
            }
        if row_id not in self._positions:
            some = ", ".join(repr(name) for name in list(self._positions)[:3])
            raise VqaudioError(f"the token store {self.folder} has no row {row_id!r}; it has {some or 'none'} ...")
        shard_number, row_number = self._positions[row_id]
        with open_listed(self.folder, self.manifest.shards[shard_number]) as file:
            return row_at(file, row_number, self.stamp)

    def to_arrow(self) -> pa.Table:
        """Read all rows as one Arrow table, the codes as lists of lists: codebooks of frames, or of segments.

        Raises VqaudioError for a damaged shard.
        """
        tables = []
        for shard in self.manifest.shards:
            with open_listed(self.folder, shard) as file:
                tables.append(table_of(list(rows_in(file, self.stamp)), self.stamp))
        return pa.concat_tables([arrow_schema(self.stamp).empty_table(), *tables])

    def to_pandas(self) -> "DataFrame":
        """Read all rows as a pandas DataFrame; in the column `codes` are arrays `k t` uint16, a code for each frame.

        Of a store with pitch there is a column `pitch` of arrays `t` uint16, and `pitch_median_hz`.
        Raises VqaudioError without pandas, and for a damaged shard.
        """
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise VqaudioError(f"to_pandas needs pandas: pip install pandas ({error})") from None
        has_pitch = bool(self.stamp.pitch_steps)
        names = [field.name for field in fields(TokenRow) if has_pitch or not field.name.startswith("pitch")]
        return DataFrame([[getattr(row, name) for name in names] for row in self], columns=names)

    def to_dataset(self) -> "Dataset":
        """Read all rows as a Dataset of the library `datasets`; `codes` as in `to_arrow`.

        Raises VqaudioError without datasets, and for a damaged shard.
        """
        try:
            from datasets import Dataset
        except ImportError as error:
            raise VqaudioError(f"to_dataset needs datasets: pip install 'vqaudio[lm]' ({error})") from None
        return Dataset(self.to_arrow())

    def failures(self) -> list[dict[str, Any]]:
        """Read what could not be tokenized, in the order of the ids.

        Returns objects with `id`, `reason` and what else helps.
        """
        records = read_failures(self.folder)
        done = set(self.ids()) if records else set()
        return [records[row_id] for row_id in sorted(records) if row_id not in done]

    def verify(self) -> None:
        """Hash every shard again.  Raises VqaudioError that names those whose bytes have changed."""
        shards = self.manifest.shards
        changed = [shard.path for shard in shards if sha256_of(self.folder / shard.path) != shard.sha256]
        if changed:
            raise VqaudioError(
                f"{len(changed)} of {len(shards)} shards of {self.folder} have changed since they were written: "
                f"{', '.join(changed[:3])}; copy them again"
            )
