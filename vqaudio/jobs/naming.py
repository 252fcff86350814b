"""Paths of output files: folders and a distinct name for every id."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from vqaudio.core.errors import VqaudioError


def wav_names(ids: Sequence[str]) -> dict[str, str]:
    """Map every id to the path of its wav file below the output folder; see `output_names`.

    >>> wav_names(["a/b.flac", "c.flac", "c.wav"])
    {'a/b.flac': 'a/b.wav', 'c.flac': 'c.flac.wav', 'c.wav': 'c.wav.wav'}
    """
    return output_names(ids, ".wav")


def output_names(ids: Sequence[str], suffix: str) -> dict[str, str]:
    """Map every id to the path of its file below the output folder; no two are the same, not even in lower case.

    For .wav `a/b.flac` becomes `a/b.wav`, or `a/b.flac.wav` where another id (`a/b.wav`, `a/B.mp3`) wants that name
    or where a folder has it.
    Raises VqaudioError if an id leads out of the folder, as one of a forged store may.
    """
    for name in ids:
        _require_safe(name)
    names = {name: str(PurePosixPath(name).with_suffix(suffix)) for name in ids}
    while True:
        taken = Counter(name.casefold() for name in names.values())
        folders = {str(folder).casefold() for name in ids for folder in PurePosixPath(name).parents}
        clashing = [
            id_
            for id_, name in names.items()
            if name != f"{id_}{suffix}" and (taken[name.casefold()] > 1 or name.casefold() in folders)
        ]
        if not clashing:
            break
        names.update({id_: f"{id_}{suffix}" for id_ in clashing})
    twice = [id_ for id_, name in names.items() if taken[name.casefold()] > 1 or name.casefold() in folders]
    if twice:
        raise VqaudioError(f"no distinct file names for {twice[:3]}: rename one of them and tokenize again")
    return names


def is_safe(name: str) -> bool:
    """Return whether an id is a path below a folder, so that no file is written elsewhere under its name."""
    has_other_separator = os.sep != "/" and os.sep in name
    return not (has_other_separator or "\0" in name or {"", ".", ".."} & set(name.split("/")))


def _require_safe(name: str) -> None:
    if not is_safe(name):
        raise VqaudioError(
            f"the store has the id {name!r}, which is no path below a folder; nothing was written. "
            "Stores that `vqaudio tokenize` makes have no such ids"
        )
