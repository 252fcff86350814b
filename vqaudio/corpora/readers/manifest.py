"""The reader of a corpus described by a CSV table: one line per sound file."""

from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_csv
from vqaudio.corpora.interface import Utterance

MANIFEST_NAME = "metadata.csv"


def utterances(root: str | Path, *, split: str | None = None) -> Iterator[Utterance]:
    """Read the lines of a manifest, in its order.

    root: the CSV file, or the folder that holds it as `metadata.csv`.
    split: keep only the lines whose `split` column says this; None keeps all.
    The column `path` (relative to the CSV file) is needed; `speaker`, `split`, `text`, `start_s`, `end_s` are
    used where they are there, other columns are ignored.  The id is the path, with `#start_s` where that is given.
    Raises VqaudioError if the table is missing, lacks a column, or has no line of that split.
    """
    table = Path(root)
    if table.is_dir():
        table = table / MANIFEST_NAME
    if not table.is_file():
        raise VqaudioError(f"no manifest at {table}; give a CSV file with a column `path`, or the folder with it")
    splits: set[str] = set()
    is_empty = True
    with open_csv(table) as reader:
        _check_columns(table, reader.fieldnames or [], needs_split=split is not None)
        for row in reader:
            splits.add(row.get("split") or "")
            if split is None or row["split"] == split:
                is_empty = False
                yield _utterance(table, row, reader.line_num)
    if is_empty:
        wanted = "lines" if split is None else f"lines of split {split!r}"
        raise VqaudioError(f"{table} has no {wanted}; the splits in it: {', '.join(sorted(splits)) or 'none'}")


def _check_columns(table: Path, columns: object, needs_split: bool) -> None:
    present = list(columns)  # type: ignore[call-overload]
    for needed in ["path", "split"] if needs_split else ["path"]:
        if needed not in present:
            raise VqaudioError(
                f"{table} has no column `{needed}`; its first line names: {', '.join(present) or 'nothing'}"
            )


def _utterance(table: Path, row: dict[str, str], line: int) -> Utterance:
    name = row["path"]
    if not name:
        raise VqaudioError(f"line {line} of {table} has an empty `path`; name a sound file there")
    start_s, end_s = _seconds(table, row, "start_s", line), _seconds(table, row, "end_s", line)
    return Utterance(
        id=name if start_s is None else f"{name}#{row['start_s']}",
        path=table.parent / name,
        start_s=start_s,
        end_s=end_s,
        speaker=row.get("speaker") or None,
        text=row.get("text") or None,
    )


def _seconds(table: Path, row: dict[str, str], column: str, line: int) -> float | None:
    value = row.get(column)
    if not value:
        return None
    try:
        return float(value)
    except ValueError:
        raise VqaudioError(f"line {line} of {table}: `{column}` is {value!r}; wanted seconds as a number") from None
