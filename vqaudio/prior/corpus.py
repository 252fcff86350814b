"""The corpus of a prior: the documents of a token store, those to train on and those held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.language import CodeLanguage, Tokens
from vqaudio.prior.scoring import Bits
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.splits import speaker_share
from vqaudio.tokens.store import TokenStore


@dataclass(frozen=True, eq=False)
class CodeCorpus:
    """The documents of a token store, split by speaker.

    train, held_out: documents of tokens.  seconds: of the held-out audio.
    """

    language: CodeLanguage
    train: Sequence[Tokens]
    held_out: Sequence[Tokens]
    seconds: float
    num_held_out_speakers: int

    def bits(self, log2s: Sequence[NDArray[np.float64]]) -> Bits:
        """Add up what the held-out documents cost.  log2s: of every symbol of each of them."""
        num_ends = len(self.held_out)
        num_units = sum(len(scores) for scores in log2s) - num_ends
        num_codes = num_units // 2 if self.language.has_durations else num_units
        return Bits.of(log2s, num_codes=num_codes, seconds=self.seconds)

    def symbols(self, documents: Sequence[Tokens]) -> list[Tokens]:
        """Convert documents to the symbols that n-gram models read."""
        return [self.language.symbols(document) for document in documents]


def read_codes(
    store: TokenStore, sequence: SequenceConfig, *, validation: float, second: float = 0.0, part: str = "train"
) -> CodeCorpus:
    """Read all rows of a store that have frames, split by their speakers.

    validation: the share of speakers held out, as `vqaudio export` holds them out.  second: a further share;
    part: `train` for all other speakers, `second` for that share alone.
    Raises VqaudioError if a part has no documents or the store fewer codebooks than are wanted.
    """
    num_codebooks = sequence.num_codebooks or store.stamp.num_codebooks
    if num_codebooks > store.stamp.num_codebooks:
        raise VqaudioError(f"{store.folder} holds {store.stamp.num_codebooks} codebooks, {num_codebooks} are wanted")
    train, held_out = split_rows(store, validation=validation, second=second, part=part)
    # The language has tokens for the speakers of the training part only: held-out ones are unknown.
    speakers = sorted({row.speaker for row in train if row.speaker}) if sequence.has_speakers else []
    stamp = replace(store.stamp, num_codebooks=num_codebooks, pitch_steps=0)  # the language has no pitch
    language = CodeLanguage(stamp, sequence.pattern, tuple(speakers))
    return CodeCorpus(
        language,
        [language.document(row.codes, row.speaker) for row in train],
        [language.document(row.codes, row.speaker) for row in held_out],
        sum(row.codes.shape[1] for row in held_out) / store.stamp.frame_rate_hz,
        len({row.speaker or row.id for row in held_out}),
    )


def split_rows(
    store: TokenStore, *, validation: float, second: float = 0.0, part: str = "train"
) -> tuple[list[TokenRow], list[TokenRow]]:
    """Split the rows of a store that have frames by a hash of their speakers: those to train on, those held out.

    The options are those of `read_codes`.  Raises VqaudioError if a part has no rows.
    """
    if not 0 < validation < 1 or not 0 <= second < 1 - validation:
        raise VqaudioError(f"wanted shares of speakers between 0 and 1, got validation {validation}, second {second}")
    rows = [row for row in store if row.codes.shape[1]]
    shares = [speaker_share(row.speaker, row.id) for row in rows]
    parts = {
        "validation": [row for row, share in zip(rows, shares, strict=True) if share < validation],
        "second": [row for row, share in zip(rows, shares, strict=True) if validation <= share < validation + second],
        "train": [row for row, share in zip(rows, shares, strict=True) if share >= validation + second],
    }
    train, held_out = parts[part], parts["validation"]
    if not train or not held_out:
        raise VqaudioError(
            f"of {len(rows)} documents {len(held_out)} fall to the speakers held out and {len(train)} to those trained "
            f"on; choose another data.validation"
        )
    return train, held_out
