"""Parts: where a recording lies in a file that holds many, and how it is read out of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vqaudio.audio.folders import FOREIGN_SUFFIXES, READABLE_SUFFIXES, suffix_of
from vqaudio.core.errors import VqaudioError

if TYPE_CHECKING:
    from vqaudio.jobs.containers.cells import Cells

COPY_BYTES = 1 << 20  # copied at a time


class Part(NamedTuple):
    """The place of a recording in a file: a range of its bytes, or a cell of a table.

    suffix: of its own name, dot included: some formats have no other mark.  start: the first byte, or the row.
    num_bytes: of a range.  column: of a cell, "" for a range.
    """

    suffix: str
    start: int
    num_bytes: int
    column: str = ""


class Extractor:
    """Gets recordings out of the files that hold them, one at a time; it keeps the last table open."""

    def __init__(self) -> None:
        self._cells: Cells | None = None

    @contextmanager
    def file_of(self, path: str, part: Part | None, scratch: str) -> Iterator[str]:
        """Yield the path of a file that holds the recording alone: `path` itself if `part` is None.

        Otherwise it is copied into the folder `scratch`, and removed at the block's end: libraries see what they would
        see of the recording in a folder, to the last byte.  What VqaudioError of the block says of the copy it says of
        `path`.  Raises VqaudioError if it cannot be read.
        """
        if part is None:
            yield path
            return
        copy = Path(scratch) / f"recording{part.suffix}"
        try:
            if part.column:
                sound = self._cells_of(path, part.column).at(part.start)
                if sound.content is None:
                    yield os.path.join(os.path.dirname(path), sound.path or "")
                    return
                suffix = suffix_of(sound.path or "")
                copy = copy.with_suffix(suffix if suffix in READABLE_SUFFIXES + FOREIGN_SUFFIXES else "")
                copy.write_bytes(sound.content)
            else:
                _copy_bytes(path, part, copy)
            yield str(copy)
        except VqaudioError as error:
            raise VqaudioError(str(error).replace(f"{copy}: ", f"{path}: ", 1)) from None
        finally:
            copy.unlink(missing_ok=True)

    def _cells_of(self, path: str, column: str) -> "Cells":
        from vqaudio.jobs.containers.cells import Cells  # imports pyarrow, which few workers need

        if self._cells is None or (self._cells.path, self._cells.column) != (path, column):
            self._cells = Cells(path, column)
        return self._cells


def _copy_bytes(path: str, part: Part, copy: Path) -> None:
    try:
        with open(path, "rb") as archive, open(copy, "wb") as file:
            archive.seek(part.start)
            left = part.num_bytes
            while left and (block := archive.read(min(left, COPY_BYTES))):
                left -= file.write(block)
    except OSError as error:
        raise VqaudioError(f"{path}: cannot be copied to {copy.parent}: {error.strerror or error}") from None
    if left:
        raise VqaudioError(f"{path}: the archive ends {left} bytes before this recording does; fetch it again")
