"""Parts shared by the readers of published corpora: finding recordings by name, subsets and transcripts."""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_text
from vqaudio.corpora.readers.folder import sound_files


def subset_folder(root: str | Path, subset: str | None) -> Path:
    """Find the folder of a subset in `root`, or `root` itself where no subset is asked for.

    Raises VqaudioError if it is not there, naming those that are.
    """
    folder = Path(root)
    if not folder.is_dir():
        raise VqaudioError(f"{folder} is not a folder; give the folder that the corpus was unpacked to")
    if subset is None:
        return folder
    if not (folder / subset).is_dir():
        present = sorted(path.name for path in folder.iterdir() if path.is_dir())
        raise VqaudioError(f"no subset {subset!r} in {folder}; the folders there: {', '.join(present) or 'none'}")
    return folder / subset


def recordings(root: Path, name: re.Pattern[str], corpus: str, wanted: str) -> Iterator[tuple[Path, re.Match[str]]]:
    """List the sound files below `root` whose whole name matches, with the match; others are no part of the corpus.

    Raises VqaudioError if there are none, saying which `corpus` was expected and what was `wanted`.
    """
    is_empty = True
    for path in sound_files(root):
        match = name.fullmatch(path.name)
        if match:
            is_empty = False
            yield path, match
    if is_empty:
        raise VqaudioError(f"no {corpus} recordings below {root}; looked for {wanted}; check the folder")


def read_transcript(path: Path) -> str | None:
    """Read a file's text on one line, None if there is no such file or nothing in it.

    Raises VqaudioError if it is not UTF-8.
    """
    return " ".join(read_text(path).split()) or None if path.is_file() else None


def read_text(path: Path) -> str:
    """Read a text file.  Raises VqaudioError if it is not UTF-8."""
    with open_text(path) as lines:
        return lines.read()
