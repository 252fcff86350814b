"""Fetching of one published corpus archive: download, check, unpack, and note it, so that it is not fetched twice."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vqaudio.core.durable import replace_durably, sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.core.locking import locked
from vqaudio.core.plain_files import parse_json
from vqaudio.corpora.fetch.archives import Archive
from vqaudio.corpora.fetch.downloads import download
from vqaudio.corpora.fetch.unpacking import Unpacked, unpack

STATE_FOLDER = ".vqaudio-fetch"  # in the folder of all corpora: downloads under way, and what is done
LOCK = ".lock"  # ends the name of what a run holds while it fetches; it stays, so that all hold the same file
UNPACKED_SHARE = 1.0  # speech unpacks to at least its archive's length: FLAC to the same, WAV to more

Tell = Callable[[str, int, "int | None"], None]  # what is done, bytes so far, bytes in all where that is known


def fetch(
    archive: Archive, folder: Path, *, is_archive_kept: bool = False, tell: Tell = lambda *_: None
) -> Unpacked | None:
    """Fetch one archive into `folder`, or return None if it is there already.

    A download that was cut goes on; an archive that was whole but not unpacked is checked again and unpacked.
    is_archive_kept: leave the downloaded file in `.vqaudio-fetch`.
    Raises VqaudioError as `download` and `unpack` do, or if another run is fetching it there.
    """
    if is_fetched(archive, folder):
        return None
    try:
        (folder / STATE_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VqaudioError(f"{folder} cannot be written: {error.strerror or error}; take another folder") from None
    path = archive_path(archive, folder)
    refusal = f"another run is fetching {archive.name} into {folder}; wait for its end, or take another folder"
    with locked(path.with_name(path.name + LOCK), refusal):
        unpacked = None if is_fetched(archive, folder) else _bring(archive, folder, path, tell)
    if not is_archive_kept:
        path.unlink(missing_ok=True)
    return unpacked


def _bring(archive: Archive, folder: Path, path: Path, tell: Tell) -> Unpacked:
    """Download to `path` what is not there, unpack it, and note that it is done."""
    if not path.is_file() or sha256_of(path) != archive.sha256:
        path.unlink(missing_ok=True)
        download(
            archive.url,
            path,
            archive.sha256,
            unpacked_share=UNPACKED_SHARE,
            tell=lambda done, total: tell("downloading", done, total),
        )
    unpacked = unpack(path, folder / archive.unpack_to, tell=lambda done, total: tell("unpacking", done, total))
    record = {"url": archive.url, "sha256": archive.sha256, "folders": unpacked.folders, "left_out": unpacked.left_out}
    replace_durably(_record_path(archive, folder), lambda temporary: temporary.write_text(json.dumps(record, indent=2)))
    return unpacked


def is_fetched(archive: Archive, folder: Path) -> bool:
    """Return whether this archive, by its SHA-256, was unpacked into `folder` and its folders are still there."""
    path = _record_path(archive, folder)
    if not path.is_file():
        return False
    try:
        record: dict[str, Any] = parse_json(path.read_text(encoding="utf-8"))
        folders, sha256 = list(record["folders"]), record["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise VqaudioError(f"{path} is damaged ({error}); delete it and fetch again") from None
    return sha256 == archive.sha256 and all((folder / archive.unpack_to / name).is_dir() for name in folders)


def archive_path(archive: Archive, folder: Path) -> Path:
    """Return where the downloaded file stands until it is unpacked."""
    return folder / STATE_FOLDER / f"{archive.corpus}-{archive.url.rpartition('/')[2]}"


def _record_path(archive: Archive, folder: Path) -> Path:
    return folder / STATE_FOLDER / f"{archive.corpus}-{archive.part}.json"
