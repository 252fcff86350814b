"""The export of a whole store into one folder: in constant memory, whole or not there, continued if interrupted."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqaudio import __version__
from vqaudio.core.config import to_mapping
from vqaudio.core.durable import TEMPORARY, make_folder, remove_temporaries, replace_durably, sha256_of, sync_folder
from vqaudio.core.errors import VqaudioError
from vqaudio.core.locking import locked
from vqaudio.core.plain_files import parse_json
from vqaudio.export.documents import DocumentCoder
from vqaudio.export.formats.interface import Plan
from vqaudio.export.formats.table import format_of, require_fit, require_names
from vqaudio.export.options import ExportOptions
from vqaudio.export.planning import make_coder
from vqaudio.export.record import RECORD, ExportRecord
from vqaudio.export.split_writer import SplitWriter
from vqaudio.tokens.shards import open_listed, rows_in
from vqaudio.tokens.splits import SPLITS
from vqaudio.tokens.store import TokenStore

PROGRESS = "progress.json"
CHECKPOINT_TOKENS = 20_000_000


def export_store(
    store: TokenStore,
    out: str | Path,
    options: ExportOptions,
    *,
    extend: str | Path | None = None,
    is_overwriting: bool = False,
    is_resuming: bool = False,
    on_progress: Callable[[int, int], object] = lambda num_rows, num_samples: None,
) -> ExportRecord:
    """Export every row of a store.

    The folder `out` appears when all is done; until then it grows under a hidden name beside.
    extend: the folder of a text tokenizer that the tokens are added to.
    on_progress: called with the rows and samples that are done since the last call.
    The same call goes on after an interruption; another one starts anew, or with is_resuming is refused.
    Raises VqaudioError if `out` is there already, unless is_overwriting and it is an export (with is_resuming, one of
    the same store and options is left as it is), if another run is writing it, or if the format cannot hold what is
    wanted.
    """
    out, extend = Path(os.path.abspath(out)), Path(extend) if extend else None
    options = options.with_codebooks(store.stamp.num_codebooks)
    require_fit(options, is_extending=extend is not None)
    require_names(options, store.ids)
    digest = _digest(store, options, extend)
    if is_resuming and (record := _finished(out, digest, is_overwriting)):
        return record
    _require_free(out, is_overwriting)
    with _growing_folder(out) as folder:
        progress = _read_progress(folder, digest, is_resuming)
        coder = make_coder(store, options, folder, extend)
        plan = Plan(options, coder.vocabulary, has_pitch=store.stamp.pitch_steps > 0)
        splits = {split: SplitWriter(folder, split, plan, progress.get(split, {})) for split in SPLITS}
        _write_rows(store, coder, splits, folder, progress, on_progress)
        # From here on nothing can be continued, only made again.
        (folder / PROGRESS).unlink(missing_ok=True)
        for split in splits.values():
            split.close()
        counts = {name: split.counts for name, split in splits.items()}
        format_of(options.format, options.style).finish(folder, plan, {name: c["tokens"] for name, c in counts.items()})
        record = ExportRecord(options, store.stamp, coder.vocabulary, counts, digest)
        record.write(folder)
        _put_in_place(folder, out)
    return record


def _write_rows(
    store: TokenStore,
    coder: DocumentCoder,
    splits: dict[str, SplitWriter],
    folder: Path,
    progress: dict[str, Any],
    on_progress: Callable[[int, int], object],
) -> None:
    num_waiting = 0
    for number, shard in enumerate(store.manifest.shards):
        if number < progress.get("num_shards", 0):
            on_progress(shard.num_rows, shard.num_samples)
            continue
        with open_listed(store.folder, shard) as file:
            for row in rows_in(file, store.stamp):
                document = coder.encode(row)
                splits[document.split].write(document)
                num_waiting += len(document.tokens)
                on_progress(1, row.num_samples)
        if num_waiting >= CHECKPOINT_TOKENS:
            states = {name: split.checkpoint() for name, split in splits.items()}
            _write_progress(folder, {**progress, **states, "num_shards": number + 1})
            num_waiting = 0


def _finished(out: Path, digest: str, is_overwriting: bool) -> ExportRecord | None:
    """Read the record of an export that is finished, if it is the one that is wanted.  Raises VqaudioError if not."""
    record = ExportRecord.read(out) if (out / RECORD).is_file() else None
    if record is None or record.digest == digest:
        return record
    if not is_overwriting:
        raise VqaudioError(
            f"{out} is a finished export of another store or with other options; --overwrite replaces it"
        )
    return None


def _require_free(out: Path, is_overwriting: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / RECORD).is_file():
        raise VqaudioError(f"{out} is there already and is no export; choose another folder")
    if not is_overwriting:
        raise VqaudioError(f"{out} is there already; --overwrite replaces it, --check compares it with its store")


@contextmanager
def _growing_folder(out: Path) -> Iterator[Path]:
    """Make the hidden folder beside `out`, locked against a second run."""
    folder = out.with_name(f".{out.name}{TEMPORARY}")
    make_folder(folder)
    with locked(folder, f"another export is writing {out}; wait for it, or choose another folder"):
        try:
            remove_temporaries(folder)
            yield folder
        except OSError as error:
            raise VqaudioError(
                f"{out} cannot be written: {error.strerror or error}; the same command goes on"
            ) from None


def _read_progress(folder: Path, digest: str, is_resuming: bool) -> dict[str, Any]:
    """Read how far an interrupted export of the same kind came; where there is none, empty the folder.

    Raises VqaudioError if is_resuming and the interrupted one is of another kind.
    """
    try:
        progress = parse_json((folder / PROGRESS).read_text(encoding="utf-8"))
        is_same, is_begun = progress["digest"] == digest, "num_shards" in progress
    except (OSError, ValueError, KeyError, TypeError):
        is_same, is_begun = True, False
    if is_resuming and not is_same:
        raise VqaudioError(
            f"{folder} holds an export that was stopped, of another store or with other options; give those, or start "
            "again without --resume"
        )
    if is_same and is_begun:
        return progress
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    progress = {"digest": digest}
    _write_progress(folder, progress)
    return progress


def _write_progress(folder: Path, progress: dict[str, Any]) -> None:
    text = json.dumps(progress)
    replace_durably(folder / PROGRESS, lambda path: path.write_text(text, encoding="utf-8"))


def _digest(store: TokenStore, options: ExportOptions, extend: Path | None) -> str:
    """Hash everything that the output depends on."""
    shards = [shard.sha256 for shard in store.manifest.shards]
    tokenizer = extend / "tokenizer.json" if extend else None
    known = {"shards": shards, "codec": store.stamp.to_json(), "options": to_mapping(options), "version": __version__}
    known["extend"] = sha256_of(tokenizer) if tokenizer and tokenizer.is_file() else str(tokenizer)
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _put_in_place(folder: Path, out: Path) -> None:
    """Give the finished folder its name; an old export goes only when the new one stands."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
    old = out.with_name(f".{out.name}.old")
    if old.exists():
        shutil.rmtree(old)
    if (out / RECORD).is_file():
        os.replace(out, old)
    os.replace(folder, out)
    sync_folder(out.parent)
    if old.exists():
        shutil.rmtree(old)
