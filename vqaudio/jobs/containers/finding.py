"""What of the paths of a command line holds many recordings in one file, and the recordings in it."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vqaudio.audio.folders import walk_audio, walk_files
from vqaudio.jobs.containers import tables, tars
from vqaudio.jobs.sources import Source

# By the end of the file's name: how to find the recordings of one, given what stands before their ids.
KINDS: dict[str, Callable[[Path, str], list[Source]]] = {
    **dict.fromkeys(tars.SUFFIXES, tars.sources_in_tar),
    **dict.fromkeys(tables.SUFFIXES, tables.sources_in_table),
}
PASSING = ("cache-", "tmp")  # begin the names of what `datasets` computes beside its tables: rows that stand there too


def containers_at(root: Path, name: str) -> Iterator[tuple[Path, str]]:
    """List the files that hold recordings at a path, each with what stands before the ids of its recordings.

    A file stands for itself, with `name`.  A folder without a file of audio stands for all that hold some, with `name`
    and their paths below it; beside audio, archives are taken for copies of it, and left alone.
    """
    if root.is_file():
        if kind_of(root):
            yield root, stem_of(name)
    elif root.is_dir() and next(walk_audio(root), None) is None:
        before = f"{name}/" if name else ""
        for file in walk_files(root, tuple(KINDS)):
            if not os.path.basename(file.id).startswith(PASSING):
                yield Path(file.path), before + stem_of(file.id)


def sources_in(path: Path, name: str) -> list[Source]:
    """Find the recordings in a file that holds many.  name: what stands before their ids, "" for nothing."""
    kind = kind_of(path)
    assert kind is not None, path
    return kind(path, name)


def kind_of(path: Path) -> Callable[[Path, str], list[Source]] | None:
    """Return how to find the recordings of a file, None if it is no file that holds many."""
    return KINDS.get(_ending(path.name))


def stem_of(name: str) -> str:
    """Take the ending off the name of a file that holds many.

    >>> [stem_of(name) for name in ("train-000000.tar", "a/b.tar.gz", "")]
    ['train-000000', 'a/b', '']
    """
    return name[: len(name) - len(_ending(os.path.basename(name)))]


def _ending(name: str) -> str:
    return max((ending for ending in KINDS if name.lower().endswith(ending)), key=len, default="")
