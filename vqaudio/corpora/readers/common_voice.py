"""Common Voice: sentences read by volunteers in many languages, MP3.

Layout, one folder for each language: `SPLIT.tsv` (validated, train, dev, test, other, invalidated) with the columns
`client_id`, `path`, `sentence` and more, and the recordings in `clips/`.  Releases before 3.0 name them without `.mp3`.
Source: Ardila et al. 2020, "Common Voice: a massively-multilingual speech corpus", commonvoice.mozilla.org.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_text
from vqaudio.corpora.interface import Utterance
from vqaudio.corpora.readers.layout import subset_folder

COLUMNS = ("client_id", "path", "sentence")


def utterances(root: str | Path, *, split: str = "validated", language: str | None = None) -> Iterator[Utterance]:
    """Read the lines of one split, in its order; the speaker is the volunteer's `client_id`.

    root: the folder of one language, which holds `clips`, or with `language` (e.g. "de") the folder above it.
    split: the name of a table without `.tsv`; `train`, `dev` and `test` are parts of `validated`, and no two of them
        share a speaker.
    Raises VqaudioError if there is no such table, it lacks a column, or a recording it names is not there.
    """
    folder = subset_folder(root, language)
    table = folder / f"{split}.tsv"
    if not table.is_file() or not (folder / "clips").is_dir():
        present = sorted(path.stem for path in folder.glob("*.tsv"))
        raise VqaudioError(
            f"{folder} has no Common Voice split {split!r}; looked for {split}.tsv and the folder clips in it; splits "
            f"there: {', '.join(present) or 'none'}; give the folder of one language"
        )
    is_empty = True
    # Quotation marks are part of the sentences, and they may hold other line ends than "\n": no csv, no splitlines.
    with open_text(table, newline="\n") as lines:
        columns = _columns(table, next(lines, ""))
        for number, line in enumerate(lines, 2):
            if line.strip():
                is_empty = False
                yield _utterance(folder / "clips", line, columns, f"line {number} of {table}")
    if is_empty:
        raise VqaudioError(f"{table} names no recording; take another split or download the corpus again")


def _columns(table: Path, line: str) -> Sequence[int]:
    """Find the indices of the columns that are read."""
    names = line.rstrip("\r\n").split("\t")
    for needed in COLUMNS:
        if needed not in names:
            raise VqaudioError(f"{table} has no column `{needed}`; its first line names: {', '.join(names)}")
    return [names.index(name) for name in COLUMNS]


def _utterance(clips: Path, line: str, columns: Sequence[int], where: str) -> Utterance:
    fields = line.rstrip("\r\n").split("\t")
    if len(fields) <= max(columns):
        raise VqaudioError(f"{where} has {len(fields)} fields; wanted those that the first line names")
    speaker, name, sentence = (fields[column] for column in columns)
    path = clips / (name if name.endswith(".mp3") else f"{name}.mp3")
    if not name or not path.is_file():
        raise VqaudioError(f"{where} names {name!r}, but there is no {path}; complete the corpus or cut the line")
    return Utterance(id=path.stem, path=path, speaker=speaker or None, text=" ".join(sentence.split()) or None)
