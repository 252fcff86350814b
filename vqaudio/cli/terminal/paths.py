"""Paths of a command line."""

import argparse
from pathlib import Path


def path_of(text: str) -> Path:
    """Take an argument as a path; an empty one, as an unset variable leaves it, would be the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; wanted a path (`.` is the current folder)")
    return Path(text)
