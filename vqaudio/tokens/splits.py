"""The split of documents: decided by a name alone, so that adding files never moves old ones."""

import hashlib

SPLITS = ("train", "validation")


def split_of(speaker: str | None, row_id: str, validation: float) -> str:
    """Return the split of a document: that of its speaker, or where the speaker is unknown, that of its id.

    validation: the share of speakers (or ids) that is held out, 0 to 1.

    >>> split_of("ada", "ada/1.wav", 0.5) == split_of("ada", "ada/2.wav", 0.5)
    True
    """
    return SPLITS[speaker_share(speaker, row_id) < validation]


def speaker_share(speaker: str | None, row_id: str) -> float:
    """Hash a speaker to a number in [0, 1), one for all its documents, or an id where the speaker is unknown."""
    return hash_share(f"speaker {speaker}" if speaker else f"id {row_id}")


def hash_share(name: str) -> float:
    """Hash a name to a number in [0, 1), the same on every machine: the head of its SHA-256."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big") / 2**48
