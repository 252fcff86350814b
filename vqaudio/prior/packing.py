"""Packing of documents into training sequences of one length; a batch depends on the seed and its step alone."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.language import CodeLanguage, Tokens


class PackedBatch(NamedTuple):
    """A batch of packed sequences.

    tokens: `b n + 1`.  documents: `b n + 1`, the number of each token's document.
    """

    tokens: Tokens
    documents: Tokens


class PackedDocuments:
    """The packed documents of a corpus: in each epoch joined in a new random order, rotated to a random start, cut.

    The end of a sequence is the first token of the next, so that every token is predicted once an epoch (but for the
    few at the cut).  Batch i depends on seed and i only: a run resumes by counting.
    speaker_dropout: the share of documents whose speaker token is `<|unk|>`.
    """

    def __init__(
        self,
        language: CodeLanguage,
        documents: Sequence[Tokens],
        *,
        context_tokens: int,
        seed: int = 0,
        speaker_dropout: float = 0.0,
    ) -> None:
        self.language, self._documents = language, list(documents)
        self._context_tokens, self._seed, self._hidden = context_tokens, seed, speaker_dropout
        self.num_tokens = sum(len(document) for document in self._documents)
        self.num_sequences = (self.num_tokens - 1) // context_tokens
        if not self.num_sequences:
            raise VqaudioError(
                f"{len(self._documents)} documents have {self.num_tokens} tokens, less than a context of "
                f"{context_tokens}; give more codes or a shorter context"
            )
        self._epoch: tuple[int, PackedBatch] | None = None

    def batch(self, step: int, batch_size: int, rank: int = 0, world_size: int = 1) -> PackedBatch:
        """Return what process `rank` reads in a step: its share of batch_size sequences.

        Raises VqaudioError if the processes cannot share the batch alike.
        """
        if batch_size % world_size:
            raise VqaudioError(f"batch_size={batch_size} does not divide into {world_size} processes")
        first = step * batch_size
        rows = [self._sequence(first + number) for number in range(rank, batch_size, world_size)]
        return PackedBatch(np.stack([row.tokens for row in rows]), np.stack([row.documents for row in rows]))

    def _sequence(self, number: int) -> PackedBatch:
        epoch, index = divmod(number, self.num_sequences)
        if self._epoch is None or self._epoch[0] != epoch:
            self._epoch = epoch, self._join(epoch)
        start = index * self._context_tokens
        cut = slice(start, start + self._context_tokens + 1)
        return PackedBatch(self._epoch[1].tokens[cut], self._epoch[1].documents[cut])

    def _join(self, epoch: int) -> PackedBatch:
        """Join all documents of an epoch; those from the cut on first, then those before it."""
        generator = np.random.default_rng((self._seed, epoch))
        order = generator.permutation(len(self._documents))
        parts = [self._documents[number] for number in order]
        tokens = np.concatenate(parts)
        if self.language.speakers:
            starts = np.cumsum([0] + [len(part) for part in parts[:-1]])
            hidden = starts[generator.random(len(parts)) < self._hidden]
            tokens[hidden + 1] = self.language.head(None)[1]
        documents = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        cut = int(generator.integers(len(tokens)))
        return PackedBatch(np.roll(tokens, -cut), np.roll(documents, -cut))
