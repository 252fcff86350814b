"""The formats that codes come in, by name, and which one a file is in."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_text
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.importing.arrays import lhotse_rows, npy_rows
from vqaudio.jobs.importing.lines import fairseq_rows, gslm_rows, kaldi_rows
from vqaudio.jobs.importing.objects import Keys, json_rows, objects_in, parquet_rows
from vqaudio.jobs.importing.rows import Rows
from vqaudio.jobs.tokenize.lhotse import is_lhotse


class ImportFormat(NamedTuple):
    """A format.  rows: of a file or folder, by the time grid and the names of cells."""

    rows: Callable[[Path, FrameGrid, Keys], Rows]
    help: str


FORMATS: Mapping[str, ImportFormat] = {
    "npy": ImportFormat(lambda path, grid, keys: npy_rows(path), "a folder of .npy"),
    "fairseq": ImportFormat(lambda path, grid, keys: fairseq_rows(path), ".km beside .tsv"),
    "gslm": ImportFormat(lambda path, grid, keys: gslm_rows(path), "lines name|17 17 3"),
    "kaldi": ImportFormat(lambda path, grid, keys: kaldi_rows(path), "lines name 17 17 3"),
    "jsonl": ImportFormat(lambda path, grid, keys: json_rows(path, keys), "an object a line"),
    "lhotse": ImportFormat(lambda path, grid, keys: lhotse_rows(path, grid, keys.codes), "cuts with temporal arrays"),
    "parquet": ImportFormat(lambda path, grid, keys: parquet_rows(path, keys), "columns"),
}


def rows_in(paths: Sequence[Path], grid: FrameGrid, keys: Keys, name: str | None = None) -> Rows:
    """Read the rows of files and folders, one after the other.  name: of a format; None: of each by its looks.

    Raises VqaudioError if a path does not exist, its format is not known, or it cannot be read as a whole.
    """
    for path in paths:
        if not path.exists():
            raise VqaudioError(f"{path} does not exist")
        yield from FORMATS[name or format_of(path)].rows(path, grid, keys)


def format_of(path: Path) -> str:
    """Find the format of a file or folder by its name and its first line.  Raises VqaudioError if it is none known."""
    if path.is_dir() or path.suffix == ".npy":
        return "npy"
    if path.suffix == ".km":
        return "fairseq"
    if path.suffix == ".parquet":
        return "parquet"
    if path.name.lower().endswith((".jsonl", ".jsonl.gz")):
        return "lhotse" if _is_lhotse(next((content for _, content in objects_in(path)), None)) else "jsonl"
    with open_text(path) as lines:
        first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("{"):
        return "jsonl"
    if "|" in first:
        return "gslm"
    if len(words := first.split()) > 1 and all(word.isdigit() for word in words[1:]):
        return "kaldi"
    raise VqaudioError(f"{path} is in none of the formats that are known by their looks; name one with --format")


def _is_lhotse(content: Any) -> bool:
    has_array = isinstance(content, Mapping) and isinstance(content.get("custom"), Mapping)
    return isinstance(content, Mapping) and (has_array or is_lhotse(content))
