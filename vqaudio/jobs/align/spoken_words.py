"""Conversion of a transcript to the words of a pronouncing dictionary; unknown words are named, never guessed.

Digits are words like others: whether 1455 was read as a year or as a number nobody can see from its digits.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

# [laughter], <unk>, {breath}: what transcribers write for sounds that are no words.
MARKER = re.compile(r"\[[^\]]*\]|<[^>]*>|\{[^}]*\}")
# Dashes, an ellipsis, and what stands for a blank or for "or".
BREAK = re.compile(r"[\u2013\u2014/\\_|~]+|--+|\.{2,}")
APOSTROPHES, HYPHENS = "\u2018\u2019\u02bc\u00b4`", "\u2010\u2011"
SIGNS = str.maketrans(dict.fromkeys(APOSTROPHES, "'") | dict.fromkeys(HYPHENS, "-") | {"&": " and "})
SPELLED_OUT = re.compile(r"(?:[a-z]\.)+[a-z]?\.?")


@dataclass(frozen=True)
class SpokenWords:
    """The words of a transcript.

    words: in the spelling of the dictionary, in the order of the text.  unknown: those that it does not have.

    markers: what the text says in brackets, which is no word: [laughter].
    """

    words: tuple[str, ...]
    unknown: tuple[str, ...]
    markers: tuple[str, ...] = ()


def spoken_words(text: str, is_known: Callable[[str], bool]) -> SpokenWords:
    """Split a text into words, without punctuation, in lower case.

    is_known: whether the dictionary has a spelling.  Hyphens, dots and accents are taken out where the dictionary
    has the word only without them; a word with a hyphen may become two, an abbreviation (i.e.) its letters.

    >>> spoken_words("“It's” lower-case -- (i.e. new).", {"it's", "lower", "case", "i.", "e.", "new"}.__contains__)
    SpokenWords(words=("it's", 'lower', 'case', 'i.', 'e.', 'new'), unknown=(), markers=())
    """
    plain = unicodedata.normalize("NFKC", MARKER.sub(" ", text)).translate(SIGNS).lower()
    words: list[str] = []
    for token in BREAK.sub(" ", plain).split():
        if any(sign.isalnum() for sign in token):
            words += _in_dictionary(_stripped(token, "'.-"), is_known)
    unknown = dict.fromkeys(word for word in words if not is_known(word))
    return SpokenWords(tuple(words), tuple(unknown), tuple(MARKER.findall(text)))


def _in_dictionary(token: str, is_known: Callable[[str], bool]) -> Sequence[str]:
    """Find the dictionary's spelling of one token; the barest spelling if it has none."""
    bare = _stripped(token, "")
    for spelling in (token.rstrip("."), token, bare, _without_accents(bare)):
        if is_known(spelling):
            return [spelling]
    if SPELLED_OUT.fullmatch(token):
        letters = [f"{letter}." for letter in token if letter.isalpha()]
        if all(map(is_known, letters)):
            return letters
    parts = [part for part in bare.split("-") if part]
    if len(parts) > 1:
        if is_known("".join(parts)) and not all(map(is_known, parts)):
            return ["".join(parts)]
        return [word for part in parts for word in _in_dictionary(part, is_known)]
    return [bare]


def _stripped(token: str, kept: str) -> str:
    """Strip the signs at a token's ends that are neither letters, digits nor `kept`."""
    start, end = 0, len(token)
    while start < end and not (token[start].isalnum() or token[start] in kept):
        start += 1
    while end > start and not (token[end - 1].isalnum() or token[end - 1] in kept):
        end -= 1
    return token[start:end]


def _without_accents(word: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", word) if not unicodedata.combining(sign))
