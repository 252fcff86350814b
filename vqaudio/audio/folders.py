"""Which files of a folder tree are audio: one list of suffixes, one walk."""

import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# What libsndfile 1.2 opens (https://libsndfile.github.io/libsndfile/formats.html), by the suffixes in use.
READABLE_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".aif",
    ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".gsm", ".ircam", ".avr", ".paf", ".svx", ".htk",
)  # fmt: skip
# Audio that libsndfile cannot open, but ffmpeg; without it, failures: nobody's recordings go missing in silence.
FOREIGN_SUFFIXES = (
    ".m4a", ".m4b", ".mp4", ".aac", ".mov", ".webm", ".mkv", ".mka", ".wma", ".asf", ".amr", ".3gp", ".ac3", ".ape",
    ".wv", ".spx",
)  # fmt: skip


class AudioPath(NamedTuple):
    """A file below a folder.  id: its path below the folder, with `/`.  refusal: why a folder cannot be walked."""

    id: str
    path: str
    refusal: str | None = None


def suffix_of(name: str | os.PathLike[str]) -> str:
    """Take the suffix of a file's name in lower case, dot included."""
    return os.path.splitext(os.fspath(name))[1].lower()


def walk_audio(root: Path) -> Iterator[AudioPath]:
    """Find every file below a folder whose suffix is one of audio; see `walk_files`."""
    return walk_files(root, READABLE_SUFFIXES + FOREIGN_SUFFIXES)


def walk_files(root: Path, endings: tuple[str, ...]) -> Iterator[AudioPath]:
    """Find every file below a folder whose name has one of the endings, breadth first, sorted within each folder.

    Links to folders are followed, each real folder is visited once, and a folder's own place comes before any link to
    it: loops end, and ids do not depend on the order of the disk.
    """
    folders, links = deque([("", str(root))]), deque[tuple[str, str]]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        prefix, folder = folders.popleft() if folders else links.popleft()
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield AudioPath(prefix or ".", folder, f"this folder cannot be read: {error.strerror}")
            continue
        for entry in entries:
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append((f"{prefix}{entry.name}/", entry.path))
            elif entry.name.lower().endswith(endings) and entry.name.lower() not in endings:
                yield AudioPath(prefix + entry.name, entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle of links
        return False
