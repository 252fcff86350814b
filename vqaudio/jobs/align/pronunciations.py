"""Pronunciations that a user adds to an aligner's dictionary."""

import re
from collections.abc import Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.alignment.labels import label_map

VARIANT = re.compile(r"\(\d+\)$")
NUMBER = re.compile(r"\d*\.?\d+(?:[eE][-+]?\d+)?")  # the probabilities of the Montreal Forced Aligner's dictionaries
COMMENTS = (";;;", "#")


def read_pronunciations(path: Path) -> list[tuple[str, str]]:
    """Read (word, phones) of a dictionary in the CMU form: a word and its phones on a line, variants on several.

    Words become lower case, stress digits and numbers between word and phones are dropped, `word(2)` is a variant.
    Lines that begin with `;;;` or `#` are comments.
    Raises VqaudioError if the file cannot be read, is empty, or a line has no phones or others than ARPABET's 39.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read as a UTF-8 dictionary: {error}") from None
    entries = list(dict.fromkeys(_entries(path, lines)))
    if not entries:
        raise VqaudioError(f"{path} has no pronunciations; wanted lines such as `woodcutters W UH D K AH T ER Z`")
    return entries


def _entries(path: Path, lines: list[str]) -> Iterator[tuple[str, str]]:
    phone_set = set(label_map("arpabet-39").classes) - {"SIL"}
    for number, line in enumerate(lines, 1):
        fields = line.split()
        if not fields or line.startswith(COMMENTS):
            continue
        word = VARIANT.sub("", fields[0]).lower()
        phones = [phone.upper().rstrip("012") for phone in fields[1:] if not NUMBER.fullmatch(phone)]
        if not word or not phones or not phone_set.issuperset(phones):
            wrong = sorted(set(phones) - phone_set)
            raise VqaudioError(
                f"line {number} of {path}: {f'no ARPABET phone: {wrong}' if wrong else 'a word without phones'}; "
                f"wanted a line such as `woodcutters W UH D K AH T ER Z`"
            )
        yield word, " ".join(phones)
