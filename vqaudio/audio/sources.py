"""Sound that is given as bytes or as an open file: it goes through a temporary file, so that all is as with a path."""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from vqaudio.audio.folders import FOREIGN_SUFFIXES, READABLE_SUFFIXES, suffix_of
from vqaudio.core.errors import VqaudioError

OpenFile = BinaryIO | io.RawIOBase
AudioSource = str | os.PathLike[str] | bytes | bytearray | memoryview | OpenFile
KNOWN_SUFFIXES = (*READABLE_SUFFIXES, *FOREIGN_SUFFIXES, ".raw")


class SpooledCopy(os.PathLike[str]):
    """A copy of what was given, under a path of its own; as text it is the name of what was given."""

    def __init__(self, path: str, name: str) -> None:
        self._path, self._name = path, name

    def __fspath__(self) -> str:
        return self._path

    def __str__(self) -> str:
        return self._name


SoundPath = str | os.PathLike[str]


@contextmanager
def as_path(source: AudioSource) -> Iterator[SoundPath]:
    """Yield a path as it is, and for bytes or an open file, read from where it stands, the path of a copy.

    Raises VqaudioError for what is neither, and for a file that was opened as text or cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        yield source
        return
    name = name_of(source)
    suffix = suffix_of(name)
    with tempfile.NamedTemporaryFile(prefix="vqaudio-", suffix=suffix if suffix in KNOWN_SUFFIXES else "") as copy:
        try:
            if isinstance(source, bytes | bytearray | memoryview):
                copy.write(source)
            else:
                shutil.copyfileobj(_readable(source, name), copy)
            copy.flush()
        except (OSError, ValueError) as error:  # ValueError: it was closed
            raise VqaudioError(f"{name}: cannot be read into {copy.name}: {error}") from None
        yield SpooledCopy(copy.name, name)


def name_of(source: Any) -> str:
    """Name what was given: a path, <bytes>, or an open file's own name."""
    if isinstance(source, str | os.PathLike):
        return str(source)
    own = getattr(source, "name", None)
    return own if isinstance(own, str) and own else f"<{type(source).__name__}>"


@contextmanager
def standing(source: AudioSource) -> Iterator[None]:
    """Put an open file that can seek back to where it stands now."""
    file: Any = source
    can_seek = hasattr(source, "seekable") and not file.closed and file.seekable()
    place = file.tell() if can_seek else 0
    try:
        yield
    finally:
        if can_seek:
            file.seek(place)


def _readable(source: Any, name: str) -> BinaryIO:
    if not hasattr(source, "read"):
        raise VqaudioError(f"{name}: wanted a path, bytes or a file that is open for reading")
    if isinstance(source, io.TextIOBase):
        raise VqaudioError(f"{name}: opened as text; open it with mode 'rb'")
    return source
