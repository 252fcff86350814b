"""Recordings named one by one, beside those of a folder: several paths, or a list of paths.

Where ids come from, which tell recordings apart and name their rows:

    one folder            the path below it                       wavs/     a/1.wav -> a/1.wav
    several paths         the path, from the root's name on       x/wavs y  a/1.wav -> wavs/a/1.wav
    a list of paths       the path as the line has it             ./x/1.wav         -> x/1.wav

Two files of one id are refused.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vqaudio.audio.folders import AudioPath
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source, files_below, find_sources, sources_of


def sources_of_paths(roots: Sequence[Path]) -> list[Source]:
    """Find the audio files of one or several folders and files, sorted by id.

    Raises VqaudioError if a path does not exist, a folder holds no audio, or two files get one id.
    """
    if len(roots) == 1:
        return find_sources(roots[0])
    return sources_of(file for root in roots for file in files_below(root, Path(os.path.abspath(root)).name))


def sources_of_list(content: bytes, origin: str) -> list[Source]:
    """Find the audio files of a list, a path a line, sorted by id; empty lines are skipped.

    Paths are relative to the current folder; a folder stands for the files below it.  A file that is not there is a
    source that is refused, so that it is reported and stops nothing.  origin: what the list is called in sentences.
    Raises VqaudioError with the line's number if a folder holds no audio or two files get one id.
    """
    sources = sources_of(_listed(content.splitlines(), origin))
    if not sources:
        raise VqaudioError(f"{origin} names no file; wanted a path on each line")
    return sources


def _listed(lines: Iterable[bytes], origin: str) -> Iterator[AudioPath]:
    numbers: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        text = os.fsdecode(line)
        for file in _files_of_line(text, f"line {number} of {origin}"):
            if file.id in numbers:
                raise VqaudioError(
                    f"line {number} of {origin} names {file.path}, whose id {file.id!r} line {numbers[file.id]} has "
                    "already; name each file once"
                )
            numbers[file.id] = number
            yield file


def _files_of_line(text: str, place: str) -> list[AudioPath]:
    try:
        if os.path.isdir(text):
            return list(files_below(Path(text), id_of_path(text)))
    except VqaudioError as error:
        raise VqaudioError(f"{place}: {error}") from None
    return [AudioPath(id_of_path(text) or text, text)]


def id_of_path(path: str) -> str:
    """Make the id of a path as it is written: a path below a folder, whatever it is relative to.

    >>> [id_of_path(path) for path in ("./a/1.wav", "/data/a/1.wav", "../x/../a//1.wav")]
    ['a/1.wav', 'data/a/1.wav', 'a/1.wav']
    """
    return "/".join(part for part in os.path.normpath(path).split("/") if part not in ("", ".", ".."))
