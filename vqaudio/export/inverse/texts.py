"""Tokens as text: by name, as nanoGPT and tokenizers print them, in SpeechGPT's way, or as numbers.

<|s_17|><|s_3|><|eos|>      <sosp><17><3><eosp>      17 3      name|17 3      [17, 3]
"""

import re

import numpy as np

from vqaudio.export.formats.jsonl import END, START
from vqaudio.export.inverse.numbers import NO_ID
from vqaudio.tokens.vocabulary import Vocabulary

_NAME = re.compile(r"<[^<>]*>")
_NUMBER = re.compile(r"\[?(\d{1,10}),?\]?", re.ASCII)
_RULE = re.compile(r"\s*-*\s*")  # nanoGPT prints dashes between its samples


class TextReader:
    """A reader of tokens in a line of text.

    has_names: the first word of a line of numbers is a name, as in Kaldi's files.
    """

    def __init__(self, vocabulary: Vocabulary, *, has_names: bool = False) -> None:
        self._has_names = has_names
        self._ids = {name: number for number, name in enumerate(vocabulary.names, vocabulary.offset)}
        self._ids |= {START: vocabulary.special("<|bos|>"), END: vocabulary.special("<|eos|>")}

    def read(self, line: str) -> np.ndarray | None:
        """Read the ids of a line, 1-D int64, NO_ID for each word that is no token; None for a blank or a rule."""
        if _RULE.fullmatch(line):
            return None
        if "<" in line:
            words = _NAME.sub(lambda match: f" {match[0].replace(' ', '')} ", line).split()
            return np.array([self._named(word) for word in words], dtype=np.int64)
        words = line.rpartition("|")[2].replace(",", " ").split()
        return np.array([_number(word) for word in words[self._has_names :]], dtype=np.int64)

    def _named(self, word: str) -> int:
        return self._ids[word] if word in self._ids else _number(word[1:-1]) if _NAME.fullmatch(word) else NO_ID


def _number(word: str) -> int:
    match = _NUMBER.fullmatch(word)
    return int(match[1]) if match else NO_ID
