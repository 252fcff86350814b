"""The coder of documents: a row of the store as the tokens of one document, and back.

codes -> runs -> pattern -> merges -> [BOS] [speaker] [<|text|> text] [<|speech|>] body [EOS]

A grid `k s` is its steps one after another, each of k codes, until a format gives it its shape.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.options import ExportOptions
from vqaudio.tokens.patterns import from_grid, from_units, to_grid, to_units
from vqaudio.tokens.runs import from_runs, to_runs
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.splits import split_of
from vqaudio.tokens.vocabulary import Vocabulary, expand


@dataclass(frozen=True, eq=False)
class Document:
    """One row of the store as the tokens of a document.

    tokens: 1-D int64.  durations: frames of each run, 1-D, or None where frames were not merged.
    """

    row: TokenRow
    split: str
    tokens: np.ndarray
    durations: np.ndarray | None


@dataclass(frozen=True)
class DocumentCoder:
    """The coder of rows of the store into documents and back.

    merge: units -> symbols, where there are BPE merges.  text_ids: text -> ids of a text tokenizer, where there is one.
    """

    options: ExportOptions
    codebook_size: int
    vocabulary: Vocabulary
    merge: Callable[[np.ndarray], np.ndarray] | None = None
    text_ids: Callable[[str], list[int]] | None = None

    def encode(self, row: TokenRow) -> Document:
        """Encode a row as a document."""
        units, durations = units_of(row, self.options, self.codebook_size)
        body = (self.merge(units) if self.merge else units) + self.vocabulary.offset
        end = [self.vocabulary.special("<|eos|>")] if self.options.has_eos else []
        tokens = np.concatenate([np.asarray(self._head(row), dtype=np.int64), body, np.asarray(end, dtype=np.int64)])
        return Document(row, split_of(row.speaker, row.id, self.options.validation), tokens, durations)

    def decode(self, tokens: np.ndarray, durations: np.ndarray | None) -> np.ndarray:
        """Decode a document to codes `k t` int64, the exact inverse of `encode`.

        Raises VqaudioError if the tokens are no document of these options.
        """
        vocabulary, options = self.vocabulary, self.options
        if options.is_grid:
            codes = from_grid(tokens.reshape(-1, options.num_codebooks).T, options.pattern, self.codebook_size)
        else:
            units = expand(
                tokens[vocabulary.is_symbol(tokens)] - vocabulary.offset, vocabulary.num_units, vocabulary.merges
            )
            codes = from_units(units, options.pattern, options.num_codebooks, self.codebook_size)
        if not options.is_deduplicated:
            return codes
        if durations is None:
            raise VqaudioError("a document whose equal frames were merged has no durations; export again")
        return from_runs(codes, durations)

    def _head(self, row: TokenRow) -> list[int]:
        vocabulary, head = self.vocabulary, []
        if self.options.has_bos:
            head.append(vocabulary.special("<|bos|>"))
        if "speaker" in self.options.prefix and row.speaker:
            head.append(vocabulary.speaker(row.speaker))
        if "text" in self.options.prefix and row.text:
            ids = self.text_ids(row.text) if self.text_ids else [vocabulary.byte(value) for value in row.text.encode()]
            head += [vocabulary.special("<|text|>"), *ids]
        return [*head, vocabulary.special("<|speech|>")] if self.options.prefix else head


def units_of(row: TokenRow, options: ExportOptions, codebook_size: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Order the codes of a row by the pattern, before merging.

    Returns the units, of a grid its steps one after another, and the durations of the runs, None where equal frames are
    not merged.
    """
    codes, durations = row.codes[: options.num_codebooks], None
    if options.is_deduplicated:
        codes, durations = to_runs(codes)
    if options.is_grid:
        return to_grid(codes, options.pattern, codebook_size).T.ravel(), durations
    return to_units(codes, options.pattern, codebook_size), durations
