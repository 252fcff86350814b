"""Damage of a token store: which shards cannot be trusted, why, and which recordings stand in them."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vqaudio.core.durable import sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.manifest import Manifest, Shard
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.shards import ids_in, read_through, shard_path


@dataclass(frozen=True)
class Entry:
    """What a row says beside its codes."""

    id: str
    speaker: str | None = None
    text: str | None = None


@dataclass(frozen=True)
class ShardDamage:
    """A damaged shard: its number, why it is damaged, and its rows' entries, or None where they cannot be read."""

    number: int
    path: str
    reason: str
    entries: tuple[Entry, ...] | None


def find_damage(folder: Path, manifest: Manifest, on_shard: Callable[[Shard], None]) -> list[ShardDamage]:
    """Read every shard to its end: its bytes, its stamp, its rows, its counts; no id may stand in two of them.

    on_shard: is called after each shard.
    """
    damaged, places = [], dict[str, str]()
    for number, shard in enumerate(manifest.shards):
        reason = _damage_of(folder, shard, number, manifest.stamp, places)
        if reason is not None:
            damaged.append(ShardDamage(number, shard.path, reason, _readable_entries(folder / shard.path)))
        on_shard(shard)
    return damaged


def healthy_ids(folder: Path, manifest: Manifest, damaged: Iterable[ShardDamage]) -> set[str]:
    """Read the ids of all shards that are not damaged."""
    numbers = {damage.number for damage in damaged}
    whole = [shard for number, shard in enumerate(manifest.shards) if number not in numbers]
    return {row_id for shard in whole for row_id in ids_in(folder, shard)}


def _damage_of(folder: Path, shard: Shard, number: int, stamp: CodecStamp, places: dict[str, str]) -> str | None:
    """Say what is wrong with a shard, or None.  places: the shard of each id that was seen, filled here."""
    path = folder / shard.path
    if not path.is_file():
        return "is missing"
    if path.stat().st_size != shard.num_bytes:
        return f"has {path.stat().st_size} bytes, not {shard.num_bytes}"
    if sha256_of(path) != shard.sha256:
        return "has changed since it was written: its SHA-256 is not that of the manifest"
    if shard.path != shard_path(number):
        return f"is listed as shard {number}, which lies at {shard_path(number)}"
    try:
        ids, num_samples, num_frames = read_through(path, stamp)
    except VqaudioError as error:
        return str(error)
    if (len(ids), num_samples, num_frames) != (shard.num_rows, shard.num_samples, shard.num_frames):
        counts = f"{len(ids)} rows, {num_samples} samples and {num_frames} frames"
        return f"holds {counts}, not {shard.num_rows}, {shard.num_samples} and {shard.num_frames}"
    repeated = [row_id for row_id, count in Counter(ids).items() if count > 1]
    twice = [row_id for row_id in ids if row_id in places] or repeated
    if twice:
        return f"holds the id {twice[0]!r}, which is in {places.get(twice[0], shard.path)} already"
    places.update(dict.fromkeys(ids, shard.path))
    return None


def _readable_entries(path: Path) -> tuple[Entry, ...] | None:
    """Read what a damaged shard still tells, where the checksums of these columns' pages hold."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            rows = file.read(columns=["id", "speaker", "text"]).to_pylist()
        return tuple(Entry(**row) for row in rows)
    except (pa.ArrowException, OSError, TypeError, ValueError):
        return None
