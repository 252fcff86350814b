"""Merging of the shards of a run: their stores become one store, by whole Parquet files.

Everything is checked before anything is written, and the manifest is written last: a merge that was killed has left no
store that could be taken for a whole one.
"""

import os
import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqaudio.core.durable import make_folder, remove_temporaries, replace_durably, sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.failures import FailureLog, is_being_written, read_failures
from vqaudio.tokens.journal import journal_files
from vqaudio.tokens.manifest import MANIFEST, Manifest, Shard, read_manifest, require_shards
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.shards import ids_in, shard_path
from vqaudio.tokens.writer import Mode, refuse_store, remove_rows

MAX_TOLD = 5  # shards that are named in one sentence


@dataclass(frozen=True)
class ShardStore:
    """The whole store of one shard of a run: its place, its ids, and what could not be tokenized, by id."""

    folder: Path
    manifest: Manifest
    run_shard: RunShard
    ids: tuple[str, ...]
    failures: dict[str, dict[str, Any]]


def merge_stores(places: Sequence[Path], out: Path, *, mode: Mode = "new") -> tuple[Manifest, int]:
    """Join the stores of all shards of a run; return the manifest of the new store, and the number of shards.

    places: the shards' folders, or the folder that holds them.  mode: "new" refuses a store that exists, "resume" goes
    on with a merge of the same shards that was killed, "overwrite" replaces what is there.
    The Parquet files become hard links where the disk allows it, else copies: shard 0's first, then shard 1's ...
    Raises VqaudioError, before anything is written, if a shard is missing, incomplete, damaged or of another run or
    codec, or if an id stands twice.
    """
    stores = _whole_stores(find_shards(places))
    _require_distinct_ids(stores)
    if any(store.folder.resolve() == out.resolve() for store in stores):
        raise VqaudioError(f"{out} is one of the shards; give --out another folder")
    refuse_store(out, mode)
    origins = [(store.folder, shard) for store in stores for shard in store.manifest.shards]
    shards = tuple(replace(shard, path=shard_path(number)) for number, (_, shard) in enumerate(origins))
    failures = {row_id: record for store in stores for row_id, record in store.failures.items()}
    merged = Manifest(stores[0].manifest.stamp, shards, len(failures))
    _write(merged, [folder / origin.path for folder, origin in origins], failures, out, mode)
    return merged, len(stores)


def _write(
    merged: Manifest, origins: Sequence[Path], failures: dict[str, dict[str, Any]], out: Path, mode: Mode
) -> None:
    """Place the Parquet files, then the failures, then the manifest.

    origins: the file of each of the manifest's shards.
    """
    make_folder(out / "data")
    log = FailureLog(out, is_fresh=mode == "overwrite")  # the lock
    try:
        if mode == "overwrite":
            remove_rows(out)
        _require_part_of(merged, failures, out, log)
        remove_temporaries(out)
        for origin, shard in zip(origins, merged.shards, strict=True):
            _place(origin, out / shard.path, shard)
        log.records = failures
    except BaseException:
        log.release()
        raise
    log.close()
    merged.write(out)


def find_shards(places: Sequence[Path]) -> list[Path]:
    """Find the folders of shards: the places themselves, or for one that holds `shard-*-of-*` these."""
    found = []
    for place in places:
        inside = sorted(path for path in place.glob("shard-*-of-*") if path.is_dir())
        if not inside and not (place / MANIFEST).exists():
            raise VqaudioError(
                f"{place} holds neither shard-*-of-* nor a store; `vqaudio tokenize WAV_DIR --shard I/N --out DIR` "
                "makes shards"
            )
        found += inside or [place]
    return found


def _whole_stores(folders: Sequence[Path]) -> list[ShardStore]:
    """Read all shards of one run, in their order.  Raises VqaudioError that names what is missing or incomplete."""
    manifests, wrong = dict[Path, Manifest](), list[str]()
    for folder in folders:
        try:
            manifests[folder] = read_manifest(folder)
        except VqaudioError:
            wrong.append(f"{folder} has no manifest that can be read")
    shards = {folder: manifest.run_shard for folder, manifest in manifests.items()}
    wrong += [
        f"{folder} is no shard: it was tokenized without --shard" for folder, shard in shards.items() if not shard
    ]
    _require_one_run({folder: shard for folder, shard in shards.items() if shard})
    known = {shard.index: shard for shard in shards.values() if shard}
    if known:
        some = next(iter(known.values()))
        named = {path.name for path in folders}
        missing = [replace(some, index=index).name for index in range(some.count) if index not in known]
        wrong += [f"{name} is missing" for name in missing if name not in named]
    wrong += [sentence for folder, shard in shards.items() if shard and (sentence := _lack(folder, manifests[folder]))]
    if wrong:
        more = f" and {len(wrong) - MAX_TOLD} more" if len(wrong) > MAX_TOLD else ""
        raise VqaudioError(
            f"the shards are not whole, nothing was written: {'; '.join(wrong[:MAX_TOLD])}{more}; finish them with the "
            "command that began them, --shard I/N and --resume"
        )
    _require_one_codec(manifests)
    stores = [_read_store(folder, manifest) for folder, manifest in manifests.items()]
    return sorted(stores, key=lambda store: store.run_shard.index)


def _require_one_run(shards: dict[Path, RunShard]) -> None:
    """Check that all were dealt from one list to one number of shards, and none is given twice."""
    places: dict[int, Path] = {}
    for folder, shard in shards.items():
        first_folder, first = next(iter(shards.items()))
        if shard.count != first.count:
            raise VqaudioError(
                f"{first_folder} is {first} and {folder} is {shard}: they are of two runs; give the folders of one"
            )
        if not shard.is_same_run(first):
            raise VqaudioError(
                f"{first_folder} and {folder} were dealt from different recordings ({first.num_recordings} and "
                f"{shard.num_recordings}, or others); tokenize all shards from the same ones with --overwrite"
            )
        if shard.index in places:
            raise VqaudioError(f"{places[shard.index]} and {folder} are both {shard}; give one of them")
        places[shard.index] = folder


def _lack(folder: Path, manifest: Manifest) -> str | None:
    """Say what a shard's store lacks, or None."""
    assert manifest.run_shard is not None
    if is_being_written(folder):
        return f"{folder} is being written by another run"
    num_done, num_own = manifest.num_rows + len(_failures_of(folder, manifest)), manifest.run_shard.num_own
    if num_done != num_own:
        return f"{folder} has {num_done} of its {num_own} recordings"
    return f"{folder} was killed before its end and has a journal left" if journal_files(folder) else None


def _failures_of(folder: Path, manifest: Manifest) -> dict[str, dict[str, Any]]:
    """Read the failures without those that have a row meanwhile."""
    records = read_failures(folder)
    done = {row_id for shard in manifest.shards for row_id in ids_in(folder, shard)} if records else set()
    return {row_id: record for row_id, record in records.items() if row_id not in done}


def _require_one_codec(manifests: dict[Path, Manifest]) -> None:
    first_folder, first = next(iter(manifests.items()))
    for folder, manifest in manifests.items():
        if not manifest.stamp.is_same(first.stamp):
            raise VqaudioError(
                f"{first_folder} was written by {first.stamp}, {folder} by {manifest.stamp}: one store has one codec; "
                "tokenize the shards with the same --codec, --codebooks, --pitch and --segments"
            )


def _read_store(folder: Path, manifest: Manifest) -> ShardStore:
    """Read the ids; the bytes of every Parquet file are hashed on the way.  Raises VqaudioError if they changed."""
    assert manifest.run_shard is not None
    require_shards(folder, manifest.shards)
    ids = tuple(row_id for shard in manifest.shards for row_id in ids_in(folder, shard))
    return ShardStore(folder, manifest, manifest.run_shard, ids, _failures_of(folder, manifest))


def _require_distinct_ids(stores: Sequence[ShardStore]) -> None:
    places: dict[str, Path] = {}
    for store in stores:
        for row_id in (*store.ids, *store.failures):
            if row_id in places:
                raise VqaudioError(
                    f"the id {row_id!r} stands in {places[row_id]} and in {store.folder}; nothing was written; "
                    "tokenize these shards again with --overwrite"
                )
            places[row_id] = store.folder


def _require_part_of(merged: Manifest, failures: Container[str], out: Path, log: FailureLog) -> None:
    """Check that what a killed merge left in `out` is a part of this one.  Raises VqaudioError if it is not."""
    planned = {shard.path: shard for shard in merged.shards}
    left = sorted(out.glob("data/part-*.parquet"))
    is_ours = all(
        (shard := planned.get(f"data/{path.name}")) is not None and sha256_of(path) == shard.sha256 for path in left
    )
    if (out / MANIFEST).exists():
        is_ours = is_ours and read_manifest(out) == merged
    is_ours = is_ours and all(row_id in failures for row_id in log.records)
    if not is_ours or journal_files(out):
        raise VqaudioError(f"{out} holds another store than these shards make; --overwrite replaces it")


def _place(source: Path, target: Path, shard: Shard) -> None:
    """Link or copy a Parquet file under its new name, unless it is there.  Raises VqaudioError if bytes changed."""
    if not target.exists():
        replace_durably(target, lambda path: _link_or_copy(source, path))
    if sha256_of(target) != shard.sha256:
        target.unlink()
        raise VqaudioError(f"{source} changed while it was merged; run the same command again with --resume")


def _link_or_copy(source: Path, target: Path) -> None:
    if os.access(source, os.W_OK):  # a link has the rights of its file, and the store must be ours
        try:
            os.link(source.resolve(), target)
        except OSError:  # another disk, or one without links
            pass
        else:
            return
    shutil.copyfile(source, target)
