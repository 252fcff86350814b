"""Recordings named one by one, beside those of a folder: several paths, or a list of paths, or what holds many.

Where ids come from, which tell recordings apart and name their rows:

    one folder            the path below it                       wavs/     a/1.wav -> a/1.wav
    several paths         the path, from the root's name on       x/wavs y  a/1.wav -> wavs/a/1.wav
    a list of paths       the path as the line has it             ./x/1.wav         -> x/1.wav
    in a file of many     its path as above, and the key in it    x.tar y.tar 1.wav -> x/1, or 1 of one file alone

Two recordings of one id are refused.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from vqaudio.audio.folders import AudioPath
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.finding import containers_at, kind_of, sources_in
from vqaudio.jobs.sources import Source, files_below, in_order, sources_of


def sources_of_paths(roots: Sequence[Path]) -> list[Source]:
    """Find the recordings of one or several folders and files, and of archives and tables of them, sorted by id.

    Raises VqaudioError if a path does not exist, a folder holds no audio, or two files get one id.
    """
    names = [""] if len(roots) == 1 else [Path(os.path.abspath(root)).name for root in roots]
    files, sources = list[AudioPath](), list[Source]()
    for root, name in zip(roots, names, strict=True):
        if containers := list(containers_at(root, name)):
            sources += [source for path, before in containers for source in sources_in(path, before)]
        else:
            files += files_below(root, name or (root.name if root.is_file() else ""))
    return _not_only_faults([*sources_of(files), *sources])


def sources_of_list(content: bytes, origin: str) -> list[Source]:
    """Find the audio files of a list, a path a line, sorted by id; empty lines are skipped.

    Paths are relative to the current folder; a folder stands for the files below it, an archive or a table of
    recordings for those in it.  A file that is not there is a
    source that is refused, so that it is reported and stops nothing.  origin: what the list is called in sentences.
    Raises VqaudioError with the line's number if a folder holds no audio or two files get one id.
    """
    files, sources = list[AudioPath](), list[Source]()
    for file in _listed(content.splitlines(), origin):
        if os.path.isfile(file.path) and kind_of(Path(file.path)):
            sources += sources_in(Path(file.path), file.id)
        else:
            files.append(file)
    if not (sources := _not_only_faults([*sources_of(files), *sources])):
        raise VqaudioError(f"{origin} names no file; wanted a path on each line")
    return sources


def _not_only_faults(sources: Sequence[Source]) -> list[Source]:
    """Sort sources by id.  Raises VqaudioError if archives and tables are given and nothing could be found in any."""
    if sources and all(source.refusal and source.part is None and kind_of(Path(source.path)) for source in sources):
        raise VqaudioError(f"nothing to tokenize: {sources[0].refusal}")
    return in_order(sources)


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
        if containers := list(containers_at(Path(text), id_of_path(text))):
            return [AudioPath(name, str(path)) for path, name in containers]
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
