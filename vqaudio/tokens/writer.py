"""The writer of a token store, which can be killed at any moment and continued."""

from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np

from vqaudio.core.durable import make_folder, remove_temporaries
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.failures import FAILURES, FailureLog
from vqaudio.tokens.journal import SAVE_EVERY_S, Journal, journal_files
from vqaudio.tokens.manifest import MANIFEST, Manifest, read_manifest, require_shards
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.shards import ids_in, record_shard, shard_path, write_shard

Mode = Literal["new", "resume", "overwrite"]

ROWS_PER_SHARD = 1_024
FRAMES_PER_SHARD = 500_000  # about 2.8 hours at 50 Hz: 8 MB of codes with 8 codebooks


class TokenWriter:
    """A writer that appends rows and failures to a store.

    mode: "new" refuses a store that exists, "resume" continues it or starts one, "overwrite" replaces it.
    A shard is closed at rows_per_shard rows or at frames_per_shard frames, whichever comes first; until then its rows
    are saved in a journal at least every save_every_s seconds, as long as `append` or `save_if_due` is called.
    run_shard: which shard of a run the store is to hold; None for a whole run.
    Raises VqaudioError if the mode forbids it, another codec wrote the store, it holds another shard, or another run is
    writing it.
    """

    def __init__(
        self,
        folder: str | Path,
        stamp: CodecStamp,
        *,
        mode: Mode = "new",
        rows_per_shard: int = ROWS_PER_SHARD,
        frames_per_shard: int = FRAMES_PER_SHARD,
        save_every_s: float = SAVE_EVERY_S,
        run_shard: RunShard | None = None,
    ) -> None:
        self.folder = Path(folder)
        self._rows_per_shard, self._frames_per_shard = rows_per_shard, frames_per_shard
        self._rows: list[TokenRow] = []
        self._num_frames = 0
        self._pending_ids: set[str] = set()
        refuse_store(self.folder, mode)
        if mode == "resume" and (self.folder / MANIFEST).exists():
            _require_same(self.folder, stamp, run_shard)
        make_folder(self.folder / "data")
        self._failures = FailureLog(self.folder, is_fresh=mode == "overwrite")
        try:
            remove_temporaries(self.folder)
            if mode == "overwrite":
                remove_rows(self.folder)
            self._manifest = replace(_complete_shards(self.folder, stamp), run_shard=run_shard)
            self.stamp = self._manifest.stamp
            self.done_ids = {name for shard in self._manifest.shards for name in ids_in(self.folder, shard)}
            for row_id in self.done_ids & self._failures.records.keys():
                self._failures.discard(row_id)
            self._write_manifest()
            self._journal = Journal(self.folder, self.stamp, save_every_s)
            for row in self._journal.restore(self.done_ids):
                self._take(row)
        except BaseException:
            self._failures.release()
            raise

    @property
    def num_failures(self) -> int:
        """Failures known now, those of earlier runs that were not tried again included."""
        return len(self._failures.records)

    def append(self, row: TokenRow) -> None:
        """Append one row; it is safe once its shard is complete.

        Raises VqaudioError if its codes or its pitch do not fit the stamp, or if its id is there already or is not
        valid Unicode.
        """
        row = _checked(row, self.stamp)
        if self.has_row(row.id):
            raise VqaudioError(f"the token store {self.folder} has a row {row.id!r} already")
        self._journal.add(row)
        self._take(row)

    def save_early(self, row: TokenRow) -> None:
        """Save a row whose turn has not come, so that it outlives the process; `append` it when its turn has come.

        A run that was killed meanwhile finds it in the store when it is resumed.  Raises VqaudioError as `append` does.
        """
        self._journal.add(_checked(row, self.stamp))

    def save_if_due(self) -> None:
        """Save the rows that wait for their shard, if the last time was long ago."""
        self._journal.save_if_due()

    def has_row(self, row_id: str) -> bool:
        """Return whether the store has a row of that id, in a shard or on its way there."""
        return row_id in self.done_ids or row_id in self._pending_ids

    def _take(self, row: TokenRow) -> None:
        self._rows.append(row)
        self._pending_ids.add(row.id)
        self._failures.discard(row.id)
        self._num_frames += row.codes.shape[1]
        if len(self._rows) >= self._rows_per_shard or self._num_frames >= self._frames_per_shard:
            self._close_shard()

    def fail(self, row_id: str, reason: str, **extra: Any) -> None:
        """Log a file that has no row, and why; extra: what else helps, as JSON values."""
        self._failures.add({"id": row_id, "reason": reason, **extra})

    def close(self) -> None:
        """Write the last shard, the failures and the counts.  A second call does nothing."""
        self._close_shard()
        self._journal.save()
        self._failures.close()
        self._write_manifest()

    def __enter__(self) -> "TokenWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _close_shard(self) -> None:
        if not self._rows:
            return
        shard = write_shard(self.folder, len(self._manifest.shards), self._rows, self.stamp)
        self._manifest = self._manifest.with_shard(shard)
        self._write_manifest()
        self._journal.release(self._pending_ids)
        self.done_ids |= self._pending_ids
        self._rows, self._num_frames, self._pending_ids = [], 0, set()

    def _write_manifest(self) -> None:
        self._manifest = replace(self._manifest, num_failures=self.num_failures)
        self._manifest.write(self.folder)


def refuse_store(folder: Path, mode: Mode) -> None:
    """Raise VqaudioError if the folder holds a store, whole or not, and the mode is "new"."""
    is_there = (folder / MANIFEST).exists() or (folder / FAILURES).exists() or any(folder.glob("data/part-*.parquet"))
    if is_there and mode == "new":
        raise VqaudioError(f"{folder} holds a token store; --resume continues it, --overwrite replaces it")


def remove_rows(folder: Path) -> None:
    """Remove an old store.  Its manifest goes last, so that a kill leaves one that is known to be incomplete."""
    for path in [*journal_files(folder), *sorted(folder.glob("data/part-*.parquet"), reverse=True)]:
        path.unlink()
    (folder / MANIFEST).unlink(missing_ok=True)


def _require_same(folder: Path, stamp: CodecStamp, run_shard: RunShard | None) -> None:
    """Check that a store was begun with this codec, for this shard of these recordings, or say what differs."""
    written = read_manifest(folder)
    if not written.stamp.is_same(stamp):
        raise VqaudioError(
            f"{folder} was written by {written.stamp}, not by {stamp}; give the same codec, --codebooks, --pitch and "
            "--segments, or --overwrite to start again"
        )
    if written.run_shard == run_shard:
        return
    if written.run_shard is None or run_shard is None:
        has, wanted = (str(shard) if shard else "a whole run" for shard in (written.run_shard, run_shard))
        raise VqaudioError(f"{folder} holds {has}, not {wanted}; give the same --shard and --out as before")
    if (written.run_shard.index, written.run_shard.count) != (run_shard.index, run_shard.count):
        raise VqaudioError(f"{folder} holds {written.run_shard}, not {run_shard}; give the same --shard and --out")
    raise VqaudioError(
        f"{folder} was begun when the run had {written.run_shard.num_recordings} recordings; now it has "
        f"{run_shard.num_recordings}, or others, and each shard would hold other ones; give the same recordings, or "
        "--overwrite for every shard"
    )


def _complete_shards(folder: Path, stamp: CodecStamp) -> Manifest:
    """Read the manifest, and add the shards that were complete but not listed yet when a run was killed."""
    manifest = read_manifest(folder) if (folder / MANIFEST).exists() else Manifest(stamp)
    require_shards(folder, manifest.shards)
    while (folder / shard_path(len(manifest.shards))).exists():
        manifest = manifest.with_shard(record_shard(folder, len(manifest.shards), manifest.stamp))
    listed = {shard.path for shard in manifest.shards}
    strays = [path.name for path in folder.glob("data/part-*.parquet") if f"data/{path.name}" not in listed]
    if strays:
        raise VqaudioError(f"{folder}/data holds {sorted(strays)[0]}, which is no part of the store; move it away")
    return manifest


def _checked(row: TokenRow, stamp: CodecStamp) -> TokenRow:
    row = replace(row, codes=_checked_codes(row, stamp))
    if not row.has_pitch_as(stamp):
        steps = f"steps up to {stamp.pitch_steps}" if stamp.pitch_steps else "no pitch"
        raise VqaudioError(f"{row.id!r} of {row.codes.shape[1]} frames: wanted {steps}, got {row.pitch_in_words}")
    if row.pitch is None:
        return row
    return replace(row, pitch=row.pitch.astype(np.uint16), pitch_median_hz=float(np.float32(row.pitch_median_hz)))


def _checked_codes(row: TokenRow, stamp: CodecStamp) -> np.ndarray:
    codes = np.asarray(row.codes)
    wanted = (stamp.num_codebooks, stamp.grid.num_frames(row.num_samples))
    if codes.shape != wanted or codes.dtype.kind not in "iu":
        raise VqaudioError(
            f"{row.id!r}: wanted integer codes of shape {wanted}, codebooks by frames for {row.num_samples} samples, "
            f"got {codes.dtype} {codes.shape}"
        )
    if codes.size and not 0 <= int(codes.min()) <= int(codes.max()) < stamp.codebook_size:
        raise VqaudioError(f"{row.id!r}: codes from {codes.min()} to {codes.max()}, codebooks of {stamp.codebook_size}")
    try:
        f"{row.id}{row.speaker or ''}{row.text or ''}".encode()
    except UnicodeEncodeError:
        raise VqaudioError(f"{row.id!r} is not valid Unicode, which Parquet needs; rename the file") from None
    return codes.astype(np.uint16)
