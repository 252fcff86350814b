"""Atomic and durable writing: files that are whole or not there, whatever kills the process."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import get_ident

from vqaudio.core.errors import VqaudioError

TEMPORARY = ".writing"  # ends the name of what is not whole yet


def replace_durably(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file that survives a loss of power: synced to the disk before it gets its name.  See `replace_file`."""
    replace_file(path, write, is_durable=True)


def replace_file(path: Path, write: Callable[[Path], object], *, is_durable: bool = False) -> None:
    """Let `write` fill a temporary file beside `path`, and only then give it its name.

    is_durable: bring it to the disk first.  What `write` raises leaves no temporary file behind.
    Raises VqaudioError if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{os.getpid()}-{get_ident()}{TEMPORARY}")
    try:
        write(temporary)
        if is_durable:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if is_durable:
            sync_folder(path.parent)
    except OSError as error:
        raise VqaudioError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, unless it is there.  Raises VqaudioError if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise VqaudioError(f"{folder} cannot be made: {error.strerror or error}") from None


def sync_folder(folder: Path) -> None:
    """Sync a folder's list of names to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_temporaries(folder: Path) -> None:
    """Remove the temporary files of a killed run in `folder` and its data folder."""
    for stray in [*folder.glob(f".*{TEMPORARY}"), *folder.glob(f"data/.*{TEMPORARY}")]:
        if stray.is_file():  # not the folder of an export that grows there
            stray.unlink()


def sha256_of(path: Path) -> str:
    """Compute the SHA-256 of a file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
