"""Text, CSV and JSON as people and programs leave them: what a library refuses becomes an error that callers expect."""

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from vqaudio.core.errors import VqaudioError


@contextmanager
def open_text(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """Open a UTF-8 file, with or without a byte order mark.  newline: as in `open`.

    Raises VqaudioError, also while it is read in the block, if it cannot be opened or is not UTF-8.
    """
    try:
        file = open(path, newline=newline, encoding="utf-8-sig")  # noqa: SIM115 - closed below
    except OSError as error:
        raise VqaudioError(f"{path} cannot be read: {error.strerror or error}") from None
    with file:
        try:
            yield file
        except UnicodeDecodeError as error:
            raise VqaudioError(f"{path} is not UTF-8 text ({error}); save it as UTF-8") from None


def text_lines(path: Path) -> Iterator[str]:
    """Read the lines of a UTF-8 file, unpacked if its name ends in .gz.  Raises VqaudioError as `open_text` does."""
    if path.suffix.lower() != ".gz":
        with open_text(path) as file:
            yield from file
        return
    try:
        with gzip.open(path, "rt", encoding="utf-8-sig") as file:
            yield from file
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read: {error}") from None


@contextmanager
def open_csv(path: Path, *, has_tabs: bool = False) -> Iterator["csv.DictReader[str]"]:
    """Open a CSV file with a line of names, as rows of name -> cell.

    has_tabs: the file is TSV: cells end at a tab or a line end, and quotation marks are plain characters.
    Raises VqaudioError as `open_text` does, or if it is no CSV.
    """
    with open_text(path, newline="") as lines:
        rows = csv.DictReader(lines, **({"delimiter": "\t", "quoting": csv.QUOTE_NONE} if has_tabs else {}))
        try:
            yield rows
        except csv.Error as error:
            raise VqaudioError(f"line {rows.reader.line_num} of {path}: {error}; is a quotation mark open?") from None


def parse_json(text: str | bytes) -> Any:
    """Parse JSON.  Raises ValueError for what is none, brackets in brackets without end included."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("brackets in brackets in brackets, too deep to be read") from None


def require_format(version: object, newest: int, path: Path) -> None:
    """Check the number of a file's format.

    newest: the last one that this vqaudio reads.  Raises VqaudioError if it is a later one, or no number.
    """
    if not isinstance(version, int):
        raise VqaudioError(f"{path} is damaged: its format_version is {version!r}; wanted a number; fetch it again")
    if version > newest:
        raise VqaudioError(f"{path} is of format {version}, this vqaudio reads up to {newest}; upgrade it")
