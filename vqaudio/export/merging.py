"""Byte-pair encoding over units: frequent neighbours become one token (Sennrich et al. 2016, arXiv:1508.07909).

The library `tokenizers` knows characters only, so each unit is written as one character.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError

MERGES_FILE = "units_bpe.json"
FIRST_CHARACTER = 0x100
SURROGATES = (0xD800, 0x800)  # start and number: no characters of their own
PIECE_UNITS = 1_000  # training looks for pairs within pieces of this length, so that its cost stays linear


class UnitMerges:
    """A byte-pair encoder of units to symbols; `vocabulary.expand` is its inverse.

    merges: the units of each merged symbol.
    """

    def __init__(self, tokenizer: Any, num_units: int) -> None:
        self._tokenizer = tokenizer
        self.merges = merges_in(json.loads(tokenizer.to_str()), num_units)

    @classmethod
    def train(cls, documents: Iterable[np.ndarray], num_units: int, num_merges: int) -> "UnitMerges":
        """Learn the most frequent merges of the documents, 1-D units; fewer than wanted if the documents are few."""
        tokenizers = import_tokenizers()
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=num_units + num_merges,
            initial_alphabet=list(_characters(np.arange(num_units))),
            special_tokens=[],
            show_progress=False,
        )
        tokenizer.train_from_iterator(_pieces(documents), trainer)
        return cls(tokenizer, num_units)

    @classmethod
    def load(cls, folder: Path, num_units: int) -> "UnitMerges":
        """Load what `save` wrote."""
        return cls(import_tokenizers().Tokenizer.from_file(str(folder / MERGES_FILE)), num_units)

    def save(self, folder: Path) -> None:
        """Write MERGES_FILE, a file of the library `tokenizers`."""
        replace_durably(folder / MERGES_FILE, lambda path: path.write_text(self._tokenizer.to_str(), encoding="utf-8"))

    def encode(self, units: np.ndarray) -> np.ndarray:
        """Encode units, 1-D, as symbols, 1-D int64."""
        return np.asarray(self._tokenizer.encode(_characters(units)).ids, dtype=np.int64)


def merges_in(content: dict[str, Any], num_units: int) -> tuple[tuple[int, ...], ...]:
    """Read the units of each merged symbol from the content of MERGES_FILE, without the library.

    Raises VqaudioError if its first symbols are not the units in their order.
    """
    vocabulary = sorted(content["model"]["vocab"].items(), key=lambda pair: pair[1])
    symbols = [_units(characters) for characters, _ in vocabulary]
    if symbols[:num_units] != [(unit,) for unit in range(num_units)]:
        raise VqaudioError(f"{MERGES_FILE} does not begin with the {num_units} units; export again")
    return tuple(symbols[num_units:])


def import_tokenizers() -> Any:
    """Import the library `tokenizers`.  Raises VqaudioError that names the extra where it is not installed."""
    try:
        import tokenizers
        import tokenizers.models
        import tokenizers.trainers
    except ImportError:
        raise VqaudioError("BPE and text tokenizers need the library tokenizers: pip install 'vqaudio[lm]'") from None
    return tokenizers


def _pieces(documents: Iterable[np.ndarray]) -> Iterator[str]:
    for units in documents:
        for start in range(0, len(units), PIECE_UNITS):
            yield _characters(units[start : start + PIECE_UNITS])


def _characters(units: np.ndarray) -> str:
    points = np.asarray(units, dtype=np.int64) + FIRST_CHARACTER
    points = points + (points >= SURROGATES[0]) * SURROGATES[1]
    return points.astype("<u4").tobytes().decode("utf-32-le")


def _units(characters: str) -> tuple[int, ...]:
    points = map(ord, characters)
    return tuple(p - FIRST_CHARACTER - (p >= SURROGATES[0]) * SURROGATES[1] for p in points)
