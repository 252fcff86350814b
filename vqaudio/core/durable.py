"""Files that are whole or not there, whatever kills the process."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from vqaudio.core.errors import VqaudioError

TEMPORARY = ".writing"  # ends the name of what is not whole yet


def replace_durably(path: Path, write: Callable[[Path], object]) -> None:
    """Lets `write` fill a temporary file beside `path`, brings it to the disk, and only then gives it its name.

    Raises VqaudioError if the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        write(temporary)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise VqaudioError(f"{path} cannot be written: {error.strerror or error}") from None


def sync_folder(folder: Path) -> None:
    """Brings a folder's list of names to the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_temporaries(folder: Path) -> None:
    """Removes what a killed run left half-written in `folder` and its data folder."""
    for stray in [*folder.glob(f".*{TEMPORARY}"), *folder.glob(f"data/.*{TEMPORARY}")]:
        stray.unlink()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
