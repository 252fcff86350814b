"""Paths of a command line."""

import argparse
from pathlib import Path

from vqaudio.core.errors import VqaudioError


def path_of(text: str) -> Path:
    """Take an argument as a path; an empty one, as an unset variable leaves it, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; wanted a path (`.` is the current folder)")
    return Path(text)


def require_free(out: Path, suffix: str, source: Path, *, is_overwriting: bool) -> None:
    """Check the one file that a verb is to write.

    Raises VqaudioError if it has another suffix, is a folder, or is there already; the source is never replaced.
    """
    if out.suffix.lower() != suffix:
        raise VqaudioError(f"{out}: give it a name that ends in {suffix}")
    if out.is_dir():
        raise VqaudioError(f"{out} is a folder; wanted the name of a file")
    if out.exists() and (not is_overwriting or (source.exists() and out.samefile(source))):
        raise VqaudioError(f"{out} is there already; choose another name, or --overwrite (never the source)")
