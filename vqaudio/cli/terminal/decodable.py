"""What `vqaudio decode` decodes: the rows of a token store, or codes that a language model sampled as ids."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore

if TYPE_CHECKING:
    from vqaudio.export.inverse.recovery import RecoveredCodes


@dataclass(frozen=True)
class Decodable:
    """Rows of codes to decode, in the order of their ids.

    sha256: of the codes.  notes: lines for the summary.
    """

    path: Path
    stamp: CodecStamp
    ids: list[str]
    rows: Iterable[TokenRow]
    num_samples: int
    sha256: str
    notes: tuple[str, ...] = ()


def of_store(folder: Path) -> Decodable:
    """Open a token store.  Raises VqaudioError if it is none."""
    if folder.is_file():
        raise VqaudioError(f"{folder} is a file, no token store; with --like EXPORT it is read as ids of a model")
    store = TokenStore.open(folder)
    sha256 = hashlib.sha256("".join(shard.sha256 for shard in store.manifest.shards).encode()).hexdigest()
    return Decodable(folder, store.stamp, store.ids(), store, store.manifest.counts()["samples"], sha256)


def of_ids(path: Path, like: Path, run_frames: int) -> Decodable:
    """Read ids that a model sampled.  Raises VqaudioError if there is no whole frame among them."""
    from vqaudio.export.inverse.recovery import codes_from_ids

    found = codes_from_ids(path, like, run_frames=run_frames)
    if not found.codes:
        raise VqaudioError(
            f"{path} holds no whole frame: of {found.num_ids:,} ids {found.num_unknown:,} are no tokens of {like}, and "
            f"{found.num_broken:,} codes lack others of their frame; nothing was written"
        )
    digest, rows = hashlib.sha256(), []
    for number, codes in enumerate(found.codes):
        num_samples = codes.shape[1] * found.stamp.hop_samples
        seconds = num_samples / found.stamp.sample_rate_hz
        rows.append(TokenRow(f"{number:04}", codes, num_samples, found.stamp.sample_rate_hz, seconds))
        digest.update(f"{codes.shape}".encode() + codes.tobytes())
    names, num_samples = [row.id for row in rows], sum(row.num_samples for row in rows)
    return Decodable(path, found.stamp, names, rows, num_samples, digest.hexdigest(), _notes(found, run_frames))


def _notes(found: "RecoveredCodes", run_frames: int) -> tuple[str, ...]:
    marks = f", {found.num_marks:,} of them beside the codes (ends, padding, text, speakers)" * bool(found.num_marks)
    lines = [f"ids       {found.num_ids:,}{marks}"]
    if found.num_unknown or found.num_broken or found.num_empty:
        lines.append(
            f"dropped   {found.num_unknown:,} ids of no token, {found.num_broken:,} codes of incomplete frames, "
            f"{found.num_empty:,} sequences without a whole frame"
        )
    if found.num_untimed:
        lines.append(
            f"runs      {found.num_untimed:,} without durations, each {run_frames} frame(s) long (--run-frames)"
        )
    return tuple(lines)
