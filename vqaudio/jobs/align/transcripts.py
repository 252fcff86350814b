"""Transcripts of recordings, read from the usual formats."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_csv
from vqaudio.corpora.readers.layout import read_transcript
from vqaudio.jobs.sources import Source

TEXT_SUFFIXES = (".txt", ".lab")  # .lab: as the Montreal Forced Aligner's corpora have them


def with_texts(sources: Sequence[Source], transcripts: Path) -> list[Source]:
    """Add `text` to the sources; None where there is no transcript.

    transcripts: a folder with NAME.txt or NAME.lab for NAME.wav, in the same subfolders; a CSV file with the columns
    path and text; LJSpeech's `id|text|text`; or any other file with lines of an id, a tab or blanks, and the text.
    An id is a recording's path below its folder or below the file's, with or without suffix, or its bare name where
    only one recording has it.
    Raises VqaudioError if the transcripts cannot be read or are of none of the recordings.
    """
    texts = _folder_texts(sources, transcripts) if transcripts.is_dir() else _file_texts(transcripts)
    names = Counter(PurePosixPath(source.id).stem for source in sources)
    with_text = [replace(source, text=_text_of(source, transcripts.parent, texts, names)) for source in sources]
    if all(source.text is None for source in with_text):
        wanted = sources[0].id if transcripts.is_file() else PurePosixPath(sources[0].id).with_suffix(".txt")
        raise VqaudioError(
            f"{transcripts} has a text for none of the {len(sources)} recordings; wanted one for {wanted}"
        )
    return with_text


def _text_of(source: Source, folder: Path, texts: Mapping[str, str], names: Mapping[str, int]) -> str | None:
    path, below = PurePosixPath(source.id), Path(os.path.relpath(source.path, folder))
    keys = [source.id, str(path.with_suffix("")), below.as_posix(), below.with_suffix("").as_posix()]
    if names[path.stem] == 1:
        keys += [path.name, path.stem]
    return next((texts[key] for key in keys if key in texts), None)


def _folder_texts(sources: Sequence[Source], folder: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for source in sources:
        for suffix in TEXT_SUFFIXES:
            path = folder / PurePosixPath(source.id).with_suffix(suffix)
            if source.id not in texts and path.is_file():
                texts[source.id] = read_transcript(path) or ""
    return texts


def _file_texts(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read as UTF-8 text: {error}") from None
    if path.suffix.lower() == ".csv":
        with open_csv(path) as rows:
            columns = rows.fieldnames or []
            if {"path", "text"}.issubset(columns):
                return {row["path"]: row["text"] or "" for row in rows}
        if not all("|" in line for line in lines if line):
            raise VqaudioError(f"{path} has the columns {columns}; wanted path and text")
    pairs = (_id_and_text(line) for line in lines if line.strip())
    return dict(pairs)


def _id_and_text(line: str) -> tuple[str, str]:
    """Parse a line: `ID|text|the same text in words`, `ID<tab>text`, or `ID text` (LJSpeech, tables, LibriSpeech)."""
    if "|" in line.split(None, 1)[0]:
        name, *texts = line.split("|")
        return name.strip(), texts[-1].strip()
    name, _, text = line.partition("\t") if "\t" in line else line.strip().partition(" ")
    return name.strip(), text.strip()
