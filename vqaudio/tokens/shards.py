"""Parquet shards: written whole, read in pieces of bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.durable import replace_durably, sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.manifest import Shard
from vqaudio.tokens.schema import CodecStamp, TokenRow, rows_of, stamp_in, table_of

GROUP_ROWS = 256  # rows that are read together to get at one
BATCH_ROWS = 16  # rows held at a time when a store is read in order


def shard_path(number: int) -> str:
    """Return where shard `number` lies in its store."""
    return f"data/part-{number:05d}.parquet"


def write_shard(folder: Path, number: int, rows: Sequence[TokenRow], stamp: CodecStamp) -> Shard:
    """Write the rows as one shard that is whole or not there."""
    path = folder / shard_path(number)
    table = table_of(rows, stamp)
    replace_durably(path, lambda file: pq.write_table(table, file, row_group_size=GROUP_ROWS, compression="zstd"))
    num_samples, num_frames = sum(row.num_samples for row in rows), sum(row.codes.shape[1] for row in rows)
    return Shard(shard_path(number), sha256_of(path), path.stat().st_size, len(rows), num_samples, num_frames)


def adopt_shard(folder: Path, number: int, stamp: CodecStamp) -> Shard:
    """Record a whole shard that no manifest lists, because its run was killed just then, after reading it to its end.

    Raises VqaudioError if it cannot be read or another codec wrote it.
    """
    path = folder / shard_path(number)
    num_rows = num_samples = num_frames = 0
    with open_shard(path) as file:
        written = stamp_in(file.schema_arrow)
        if replace(written, name=stamp.name) != stamp:
            raise VqaudioError(f"{path} was written by {written}, not by {stamp}; --overwrite starts the store again")
        for row in rows_in(file):
            num_rows, num_samples = num_rows + 1, num_samples + row.num_samples
            num_frames += row.codes.shape[1]
    return Shard(shard_path(number), sha256_of(path), path.stat().st_size, num_rows, num_samples, num_frames)


def open_shard(path: Path) -> pq.ParquetFile:
    """Open a shard to read from.  Raises VqaudioError if it is not Parquet."""
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None


def rows_in(file: pq.ParquetFile) -> Iterator[TokenRow]:
    """Read all rows, in order, a few in memory at a time.  Raises VqaudioError if the file is damaged."""
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            yield from rows_of(batch)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"a shard is damaged: {error}") from None


def row_at(file: pq.ParquetFile, number: int) -> TokenRow:
    """Read row `number` of a shard; only its row group is read."""
    group = 0
    while number >= (num_rows := file.metadata.row_group(group).num_rows):
        group, number = group + 1, number - num_rows
    batch = file.read_row_group(group).slice(number, 1).combine_chunks().to_batches()[0]
    return next(rows_of(batch))


def ids_in(path: Path) -> list[str]:
    """Read the ids of a shard, in order; the codes are not read."""
    with open_shard(path) as file:
        return file.read(columns=["id"]).column("id").to_pylist()
