"""Parquet and Arrow files (streams, as `datasets` saves them, and Arrow's own file format), read batch by batch."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json

BUFFER_BYTES = 1 << 20
READ_ERRORS = (pa.ArrowException, OSError, ValueError)  # of what is damaged


class TableFile:
    """A table on the disk.  Raises VqaudioError if it is none."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._parquet: pq.ParquetFile | None = None
        try:
            with open(path, "rb") as file:
                magic = file.read(6)
            if magic.startswith(b"PAR1"):
                self._parquet = pq.ParquetFile(path, buffer_size=BUFFER_BYTES, page_checksum_verification=True)
                self.schema: pa.Schema = self._parquet.schema_arrow
                meta = self._parquet.metadata
                lengths = [meta.row_group(group).num_rows for group in range(meta.num_row_groups)]
            else:
                self.schema, lengths = self._arrow().schema, []
            self._group_starts = [0, *accumulate(lengths)]
        except READ_ERRORS as error:
            raise VqaudioError(f"{path}: cannot be read as Parquet or as a stream of Arrow: {error}") from None

    @property
    def num_rows(self) -> int | None:
        """Rows of the table, None where they must be counted batch by batch."""
        return self._parquet.metadata.num_rows if self._parquet else None

    def group_at(self, row: int) -> tuple[int, int]:
        """Find the row group of a row, and the first row of the group."""
        group = bisect_right(self._group_starts, row) - 1
        return group, self._group_starts[group]

    def batches(self, columns: Sequence[str], batch_rows: int, group: int = 0) -> Iterator[pa.RecordBatch]:
        """Read some columns from a row group on, in batches (a stream's are those that were written).

        What is in them can be looked at without harm.  Raises what READ_ERRORS lists.
        """
        if self._parquet:
            groups = range(group, self._parquet.metadata.num_row_groups)
            yield from self._parquet.iter_batches(batch_rows, list(groups), list(columns), use_threads=False)
            return
        for batch in self._arrow():
            places = [batch.schema.get_field_index(name) for name in columns]
            if min(places) < 0:
                raise ValueError(f"it has no column {columns[places.index(-1)]}, or two of that name")
            arrays = [batch.column(place) for place in places]
            for array in arrays:
                array.validate(full=True)  # what a forged one points at may lie anywhere
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def sound_column(self) -> str:
        """Find the column of sound: a struct of bytes and path.  Raises VqaudioError unless there is one."""
        kinds = _feature_kinds(self.schema)
        names = [
            field.name
            for field in self.schema
            if pa.types.is_struct(field.type)
            and {"bytes", "path"} <= {field.type.field(number).name for number in range(field.type.num_fields)}
            and kinds.get(field.name, "Audio") == "Audio"
        ]
        if len(names) == 1 or names.count("audio") == 1:
            return names[0] if len(names) == 1 else "audio"
        has = f"several ({', '.join(names)})" if names else f"only {', '.join(self.schema.names) or 'none'}"
        raise VqaudioError(f"{self.path}: wanted one column of sound, a struct of bytes and path, has {has}")

    def _arrow(self) -> pa.RecordBatchReader:
        source = pa.memory_map(self.path)
        if source.read(6) == b"ARROW1":
            file = pa.ipc.open_file(source)
            return pa.RecordBatchReader.from_batches(file.schema, map(file.get_batch, range(file.num_record_batches)))
        source.seek(0)
        return pa.ipc.open_stream(source)


def _feature_kinds(schema: pa.Schema) -> dict[str, str]:
    """Read what `datasets` says that its columns are: "Audio", "Image", ...; nothing where it says nothing."""
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        features = parse_json((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return {name: feature["_type"] for name, feature in features.items() if "_type" in feature}
    return {}
