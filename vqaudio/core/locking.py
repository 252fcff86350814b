"""A lock for one run at a time, which ends with its process, however that ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vqaudio.core.errors import VqaudioError


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Lock a folder, or a file that is made if it is not there, until the block ends.

    refusal: the error's message where another run holds it.
    Raises VqaudioError with it, or if `path` cannot be opened.
    """
    try:
        number = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise VqaudioError(f"{path} cannot be opened: {error.strerror}") from None
    try:
        _lock(number, refusal)
        yield
    finally:
        os.close(number)


def _lock(number: int, refusal: str) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise VqaudioError(refusal) from None
    except OSError:  # a file system without locks
        return
