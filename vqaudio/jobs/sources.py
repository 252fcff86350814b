"""Sources: the audio files of a folder and their ids in the store."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vqaudio.audio.ffmpeg import advice, find_ffmpeg
from vqaudio.audio.folders import FOREIGN_SUFFIXES, READABLE_SUFFIXES, AudioPath, suffix_of, walk_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Part


@dataclass(frozen=True, slots=True)
class Source:
    """One recording to tokenize: a file, a segment of one, or a part of a file that holds many.

    id: its path below the folder asked for, with `/` and with its suffix.  refusal: why it cannot be read, where
    that is known without opening it.  num_bytes: the file's size on disk.  start_s, end_s: the segment in seconds,
    to the file's end if end_s is None.  part: where it lies in the file, None if it is the file.
    """

    id: str
    path: str
    num_bytes: int = 0
    speaker: str | None = None
    text: str | None = None
    refusal: str | None = None
    start_s: float = 0.0
    end_s: float | None = None
    part: Part | None = None


def find_sources(root: Path) -> list[Source]:
    """Find every audio file below a folder (or the one file that `root` is), sorted by id; see `walk_audio`.

    Raises VqaudioError if there is no such path or no audio in it.
    """
    return sources_of(files_below(root, root.name if root.is_file() else ""))


def files_below(root: Path, name: str) -> Iterator[AudioPath]:
    """List the audio files below a folder, or the one file that `root` is, with `name` before their ids.

    Raises VqaudioError if there is no such path or no audio in it.
    """
    if root.is_file():
        yield AudioPath(name, str(root))
        return
    if not root.is_dir():
        raise VqaudioError(f"{root} does not exist; wanted a folder of audio files or one audio file")
    num_files, before = 0, f"{name}/" if name else ""
    for file in walk_audio(root):
        num_files += 1
        yield file._replace(id=before + file.id)
    if not num_files:
        raise VqaudioError(f"no audio file in {root}: looked for {', '.join(READABLE_SUFFIXES[:8])} and others")


def sources_of(files: Iterable[AudioPath]) -> list[Source]:
    """Make sources of files, sorted by id.  Raises VqaudioError if two have one id."""
    files = sorted(files, key=lambda file: file.id)
    for one, other in pairwise(files):
        if one.id == other.id:
            raise VqaudioError(
                f"the id {_readable(one.id)!r} would stand for {one.path} and for {other.path}; name their common "
                "folder, or give a manifest with a column id"
            )
    ids = _distinct_ids([file.id for file in files])
    return in_order(map(_source, files, ids))


def in_order(sources: Iterable[Source]) -> list[Source]:
    """Sort sources by id.  Raises VqaudioError if two have one id."""
    ordered = sorted(sources, key=lambda source: source.id)
    for one, other in pairwise(ordered):
        if one.id == other.id:
            raise VqaudioError(
                f"the id {one.id!r} would stand for a recording in {one.path} and for one in {other.path}; give each "
                "an id of its own, or tokenize them into two stores"
            )
    return ordered


def _distinct_ids(names: Sequence[str]) -> list[str]:
    """Make a readable id of every name; what a name that is not Unicode becomes may be another file's own name."""
    taken, ids = set(names), list[str]()
    for name in names:
        row_id = _readable(name)
        while row_id != name and row_id in taken:
            row_id += " (not UTF-8)"
        taken.add(row_id)
        ids.append(row_id)
    return ids


def _source(file: AudioPath, row_id: str) -> Source:
    """Make a source, and refuse names that Parquet cannot hold, foreign formats and pipes without opening them."""
    if file.refusal is not None:
        return Source(row_id, file.path, refusal=file.refusal)
    refusal, num_bytes = None, 0
    try:
        status = os.stat(file.path)
        num_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            refusal = "not a regular file"
    except OSError as error:
        refusal = f"cannot be opened: {error.strerror}"
    except ValueError as error:  # a null byte, in a list of paths that is none
        refusal = f"cannot be opened: {error}"
    refusal = refusal_of_suffix(suffix_of(file.path)) or refusal
    if row_id != file.id:
        refusal = "the file name is not UTF-8; rename it"
    return Source(row_id, file.path, num_bytes, refusal=refusal)


def refusal_of_suffix(suffix: str) -> str | None:
    """Say why a file of this suffix cannot be read here, None if it can."""
    return advice(suffix) if suffix in FOREIGN_SUFFIXES and find_ffmpeg() is None else None


def _readable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
