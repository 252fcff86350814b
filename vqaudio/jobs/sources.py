"""Which files of a folder are audio, and what each one is called in the store."""

import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError

# What libsndfile 1.2 opens (https://libsndfile.github.io/libsndfile/formats.html), by the suffixes in use.
READABLE_SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".aif",
    ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".gsm", ".ircam", ".avr", ".paf", ".svx", ".htk",
)  # fmt: skip
# Audio that libsndfile cannot open: named as a failure, so that nobody's recordings go missing in silence.
FOREIGN_SUFFIXES = (
    ".m4a", ".m4b", ".mp4", ".aac", ".webm", ".wma", ".amr", ".3gp", ".ac3", ".ape", ".wv", ".spx",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """One file to tokenize.

    id: its path below the folder asked for, with `/` and with its suffix.  refusal: why it cannot be read, where
    that is known without opening it.  num_bytes: its size on disk.
    """

    id: str
    path: str
    num_bytes: int = 0
    speaker: str | None = None
    text: str | None = None
    refusal: str | None = None


def find_sources(root: Path) -> list[Source]:
    """Every audio file below a folder (or the one file that `root` is), sorted by id.

    Links to folders are followed, each real folder is visited once, and a folder's own place comes before any link
    to it: loops end, and ids do not depend on the order of the disk.
    Raises VqaudioError if there is no such path or no audio in it.
    """
    if root.is_file():
        return [_source(root.name, str(root))]
    if not root.is_dir():
        raise VqaudioError(f"{root} does not exist; wanted a folder of audio files or one audio file")
    sources = sorted(_walk(root), key=lambda source: source.id)
    if not sources:
        raise VqaudioError(f"no audio file in {root}: looked for {', '.join(READABLE_SUFFIXES[:8])} and others")
    return sources


def _walk(root: Path) -> Iterator[Source]:
    """Breadth first; links to folders wait until all real folders have been seen."""
    folders, links = deque([("", str(root))]), deque[tuple[str, str]]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        prefix, folder = folders.popleft() if folders else links.popleft()
        try:
            place = os.stat(folder)
            if (place.st_dev, place.st_ino) in seen:
                continue
            seen.add((place.st_dev, place.st_ino))
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            yield Source(_readable(prefix or "."), folder, refusal=f"this folder cannot be read: {error.strerror}")
            continue
        for entry in entries:
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append((f"{prefix}{entry.name}/", entry.path))
            elif os.path.splitext(entry.name)[1].lower() in READABLE_SUFFIXES + FOREIGN_SUFFIXES:
                yield _source(prefix + entry.name, entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle of links
        return False


def _source(name: str, path: str) -> Source:
    """Names that Parquet cannot hold, foreign formats and pipes are refused here, without opening them."""
    suffix = os.path.splitext(name)[1].lower()
    refusal = None
    num_bytes = 0
    try:
        status = os.stat(path)
        num_bytes = status.st_size
        if not stat.S_ISREG(status.st_mode):
            refusal = "not a regular file"
    except OSError as error:
        refusal = f"cannot be opened: {error.strerror}"
    if suffix in FOREIGN_SUFFIXES:
        refusal = f"libsndfile does not read {suffix}; convert it first: ffmpeg -i FILE{suffix} FILE.flac"
    if _readable(name) != name:
        refusal = "the file name is not UTF-8; rename it"
    return Source(_readable(name), path, num_bytes, refusal=refusal)


def _readable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
