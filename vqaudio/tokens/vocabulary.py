"""The vocabulary of tokens: codes first, so that of one codebook id == code; then what else a sequence holds.

    offset + [ codes k * size | padding | merged units | specials | bytes | speakers | unused, to a multiple of 64 ]

The padding unit is there for delayed codebooks (`<|pad|>` among the specials fills sequences up to a length), bytes for
a text prefix without a text tokenizer, speakers for their prefix.  The offset is 0, or the size of the text tokenizer
that the tokens are added to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

import numpy as np

MULTIPLE = 64  # matrix products on GPUs are fastest so
SPECIALS = ("<|bos|>", "<|eos|>", "<|pad|>", "<|unk|>", "<|text|>", "<|speech|>")
NUM_BYTES = 256
# The padding unit as it is written, alone and within merged units: files of older exports have these names.
PAD_NAME, PAD_IN_MERGE = "<|hole|>", "hole"


@dataclass(frozen=True)
class Vocabulary:
    """The assignment of ids to tokens.

    num_codes: codes of all codebooks.  has_pad: whether there is a padding unit, which `delayed` streams need.
    merges: the units that each merged unit stands for.  speakers: in the order of the store.
    """

    num_codes: int
    has_pad: bool = False
    merges: tuple[tuple[int, ...], ...] = ()
    has_bytes: bool = False
    speakers: tuple[str, ...] = ()
    offset: int = 0

    @property
    def num_units(self) -> int:
        """Units before merging: the codes of all codebooks, and the padding unit."""
        return self.num_codes + self.has_pad

    @property
    def num_symbols(self) -> int:
        """Symbols that the body of a document is made of: units and merged units."""
        return self.num_units + len(self.merges)

    @property
    def size(self) -> int:
        """All ids, those of the text tokenizer and the unused ones too: the width of a model's embedding."""
        return -(-self.num_used // MULTIPLE) * MULTIPLE

    @property
    def num_used(self) -> int:
        """All ids without the unused ones, which stand at the end."""
        return self.offset + self.num_symbols + len(SPECIALS) + self.has_bytes * NUM_BYTES + len(self.speakers)

    def special(self, name: str) -> int:
        """Return the id of one of SPECIALS."""
        return self.offset + self.num_symbols + SPECIALS.index(name)

    def byte(self, value: int) -> int:
        """Return the id of a byte of text."""
        return self.offset + self.num_symbols + len(SPECIALS) + value

    def speaker(self, name: str) -> int:
        """Return the id of a speaker."""
        before = self.offset + self.num_symbols + len(SPECIALS) + self.has_bytes * NUM_BYTES
        return before + self._speaker_indices[name]

    @cached_property
    def names(self) -> list[str]:
        """The names of the ids from `offset` on; each is `<|...|>` with no `|` inside."""
        names = [f"<|s_{code}|>" for code in range(self.num_codes)] + [PAD_NAME] * self.has_pad
        names += [
            f"<|s_{'_'.join(PAD_IN_MERGE if u == self.num_codes else str(u) for u in units)}|>" for units in self.merges
        ]
        names += [*SPECIALS, *(f"<|byte_{value:02x}|>" for value in range(NUM_BYTES * self.has_bytes))]
        names += [f"<|speaker_{quote(name, safe='')}|>" for name in self.speakers]
        return names + [f"<|unused_{number}|>" for number in range(self.size - self.offset - len(names))]

    def is_symbol(self, tokens: np.ndarray) -> np.ndarray:
        """Mark where a sequence holds speech: codes, padding and merged units."""
        return (tokens >= self.offset) & (tokens < self.offset + self.num_symbols)

    @cached_property
    def _speaker_indices(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.speakers)}


def expand(symbols: np.ndarray, num_units: int, merges: Sequence[Sequence[int]]) -> np.ndarray:
    """Expand merged units to the units they stand for.

    symbols: 1-D, 0 ... num_units + len(merges) - 1.  Returns 1-D int64.
    """
    if not len(merges):
        return symbols
    lengths = np.concatenate([np.ones(num_units, dtype=np.int64), [len(units) for units in merges]])
    flat = np.concatenate([np.arange(num_units), *map(np.asarray, merges)])
    starts = np.cumsum(lengths) - lengths
    counts = lengths[symbols]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return flat[np.repeat(starts[symbols], counts) + within]
