"""The reader of any folder tree of sound files."""

from collections.abc import Iterator
from pathlib import Path

from vqaudio.audio.folders import READABLE_SUFFIXES, suffix_of, walk_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance


def sound_files(root: Path) -> Iterator[Path]:
    """Find every sound file below a folder that libsndfile reads; see `walk_audio` for the order.

    Hidden files and folders are left out (macOS writes `._name.wav` beside `name.wav`).
    """
    for file in walk_audio(root):
        path = Path(file.path)
        is_hidden = any(part.startswith(".") for part in file.id.split("/"))
        if not is_hidden and suffix_of(path) in READABLE_SUFFIXES and path.is_file():
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
        raise VqaudioError(f"no sound file below {root}; looked for {', '.join(READABLE_SUFFIXES[:8])} and others")
