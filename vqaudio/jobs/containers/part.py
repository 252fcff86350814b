"""Parts: where a recording lies in a file that holds many, and how it is read out of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from vqaudio.core.errors import VqaudioError

COPY_BYTES = 1 << 20  # copied at a time


class Part(NamedTuple):
    """The place of a recording in a file: a range of bytes.

    suffix: of its own name, dot included: some formats have no other mark.
    """

    suffix: str
    start_byte: int
    num_bytes: int


@contextmanager
def file_of(path: str, part: Part | None, scratch: str) -> Iterator[str]:
    """Yield the path of a file that holds the recording alone: `path` itself if `part` is None.

    Otherwise it is copied into the folder `scratch`, and removed at the block's end: libraries see what they would see
    of the recording in a folder, to the last byte.  What VqaudioError of the block says of the copy it says of `path`.
    Raises VqaudioError if it cannot be read.
    """
    if part is None:
        yield path
        return
    copy = Path(scratch) / f"recording{part.suffix}"
    try:
        _copy_bytes(path, part, copy)
        yield str(copy)
    except VqaudioError as error:
        raise VqaudioError(str(error).replace(f"{copy}: ", f"{path}: ", 1)) from None
    finally:
        copy.unlink(missing_ok=True)


def _copy_bytes(path: str, part: Part, copy: Path) -> None:
    try:
        with open(path, "rb") as archive, open(copy, "wb") as file:
            archive.seek(part.start_byte)
            left = part.num_bytes
            while left and (block := archive.read(min(left, COPY_BYTES))):
                left -= file.write(block)
    except OSError as error:
        place = os.fspath(error.filename or path)
        raise VqaudioError(f"{path}: cannot be copied out, at {place}: {error.strerror or error}") from None
    if left:
        raise VqaudioError(f"{path}: the archive ends {left} bytes before this recording does; fetch it again")
