"""Parquet shards: written whole, read in pieces of bounded memory."""

from collections.abc import Iterator, Sequence
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
    write_rows(path, rows, stamp)
    num_samples, num_frames = sum(row.num_samples for row in rows), sum(row.codes.shape[1] for row in rows)
    return Shard(shard_path(number), sha256_of(path), path.stat().st_size, len(rows), num_samples, num_frames)


def write_rows(path: Path, rows: Sequence[TokenRow], stamp: CodecStamp) -> None:
    """Write a Parquet file of rows that is whole or not there."""
    table = table_of(rows, stamp)
    options = {"row_group_size": GROUP_ROWS, "compression": "zstd", "write_page_checksum": True}
    replace_durably(path, lambda file: pq.write_table(table, file, **options))


def record_shard(folder: Path, number: int, stamp: CodecStamp) -> Shard:
    """Read a shard to its end and record it, such as one that no manifest lists because its run was killed just then.

    Raises VqaudioError as `read_through` does.
    """
    path = folder / shard_path(number)
    ids, num_samples, num_frames = read_through(path, stamp)
    return Shard(shard_path(number), sha256_of(path), path.stat().st_size, len(ids), num_samples, num_frames)


def read_through(path: Path, stamp: CodecStamp) -> tuple[list[str], int, int]:
    """Read a shard to its end: its ids, and how many samples and frames its rows have.

    Raises VqaudioError if it cannot be read or another codec wrote it.
    """
    ids, num_samples, num_frames = [], 0, 0
    with open_shard(path) as file:
        written = stamp_in(file.schema_arrow)
        if not written.is_same(stamp):
            raise VqaudioError(f"{path} was written by {written}, not by {stamp}; --overwrite starts the store again")
        for row in rows_in(file, stamp):
            ids.append(row.id)
            num_samples, num_frames = num_samples + row.num_samples, num_frames + row.codes.shape[1]
    return ids, num_samples, num_frames


def open_shard(path: Path) -> pq.ParquetFile:
    """Open a shard to read from; the checksum of every page that is read is verified, where it was written.

    Raises VqaudioError if it is not Parquet.
    """
    try:
        return pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"{path} cannot be read as Parquet: {error}") from None


def open_listed(folder: Path, shard: Shard) -> pq.ParquetFile:
    """Open a shard of a manifest, whose bytes must be those that were written: one flipped bit would be another code.

    They are hashed once in a process, and again if the file's size or time of change has changed.
    Raises VqaudioError if they are not, or the file cannot be read.
    """
    path = folder / shard.path
    try:
        status = path.stat()
        known = (str(path.resolve()), status.st_ino, status.st_size, status.st_mtime_ns, shard.sha256)
        if known not in _VERIFIED:
            if sha256_of(path) != shard.sha256:
                raise VqaudioError(
                    f"{path} has changed since it was written: its SHA-256 is not that of the manifest; copy it again, "
                    "or make the store again with `vqaudio tokenize --overwrite`"
                )
            _VERIFIED.add(known)
    except OSError as error:
        raise VqaudioError(f"{path} cannot be read: {error.strerror}") from None
    return open_shard(path)


_VERIFIED: set[tuple[str, int, int, int, str]] = set()  # files whose bytes were those of their manifest


def rows_in(file: pq.ParquetFile, stamp: CodecStamp) -> Iterator[TokenRow]:
    """Read all rows, in order, a few in memory at a time.

    Raises VqaudioError if the file is damaged or holds other codes than the stamp says.
    """
    try:
        for batch in file.iter_batches(batch_size=BATCH_ROWS, use_threads=False):
            yield from rows_of(batch, stamp)
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"a shard is damaged: {error}") from None


def row_at(file: pq.ParquetFile, number: int, stamp: CodecStamp) -> TokenRow:
    """Read row `number` of a shard; only its row group is read.  Raises VqaudioError as `rows_in` does."""
    group = 0
    while number >= (num_rows := file.metadata.row_group(group).num_rows):
        group, number = group + 1, number - num_rows
    try:
        batch = file.read_row_group(group).slice(number, 1).combine_chunks().to_batches()[0]
    except (pa.ArrowException, OSError) as error:
        raise VqaudioError(f"a shard is damaged: {error}") from None
    return next(rows_of(batch, stamp))


def ids_in(folder: Path, shard: Shard) -> list[str]:
    """Read the ids of a shard, in order; the codes are not read."""
    with open_listed(folder, shard) as file:
        return file.read(columns=["id"]).column("id").to_pylist()
