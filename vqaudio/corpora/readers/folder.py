"""The reader of any folder tree of sound files."""

import os
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance

# What libsndfile 1.2 reads and people store speech in.
AUDIO_SUFFIXES = frozenset(
    {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64"}
)


def sound_files(root: Path) -> Iterator[Path]:
    """List every sound file below `root`, sorted within each folder.

    Links to folders are followed; a link back to a folder on the way to itself is entered once only.
    Hidden files and folders are left out (macOS writes `._name.wav` beside `name.wav`).
    """
    visited: set[str] = set()
    for folder, subfolders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in visited:
            subfolders.clear()
            continue
        visited.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.suffix.lower() in AUDIO_SUFFIXES and path.is_file():
                yield path


def utterances(root: str | Path, *, speaker_from_folder: bool = False) -> Iterator[Utterance]:
    """Read one utterance per sound file below `root`; its id is the path relative to `root`, suffix included.

    speaker_from_folder: take the first folder below `root` as the speaker (as in `root/anna/one.wav`).
    Raises VqaudioError if `root` is no folder or holds no sound file.
    """
    root = Path(root)
    if not root.is_dir():
        raise VqaudioError(f"{root} is not a folder; give the folder that holds the sound files")
    is_empty = True
    for path in sound_files(root):
        is_empty = False
        parts = path.relative_to(root).parts
        speaker = parts[0] if speaker_from_folder and len(parts) > 1 else None
        yield Utterance(id="/".join(parts), path=path, speaker=speaker)
    if is_empty:
        raise VqaudioError(f"no sound file below {root}; looked for {', '.join(sorted(AUDIO_SUFFIXES))}")
