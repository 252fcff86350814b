"""Packing of documents into sequences of the context length, and its inverse."""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from vqaudio.core.errors import VqaudioError


class Packer:
    """A packer that joins documents and cuts sequences of `context_tokens`; 0 passes every document on as it is.

    rest: tokens that wait for the next document; kept when an export is interrupted.
    """

    def __init__(self, context_tokens: int, pad: int, rest: Iterable[int] = ()) -> None:
        self._context_tokens, self._pad = context_tokens, pad
        self.rest = np.asarray(list(rest), dtype=np.int64)

    def push(self, tokens: np.ndarray) -> list[np.ndarray]:
        """Add a document and return the sequences that are full now."""
        if not self._context_tokens:
            return [tokens]
        joined = np.concatenate([self.rest, tokens])
        num_full = len(joined) // self._context_tokens
        end = num_full * self._context_tokens
        self.rest = joined[end:]
        return list(joined[:end].reshape(num_full, self._context_tokens))

    def finish(self) -> list[np.ndarray]:
        """Return the last sequence, filled with padding."""
        if not len(self.rest):
            return []
        padding = np.full(self._context_tokens - len(self.rest), self._pad)
        last, self.rest = np.concatenate([self.rest, padding]), self.rest[:0]
        return [last]


class Cutter:
    """The inverse of Packer: takes documents back out of sequences, whatever their boundaries."""

    def __init__(self, sequences: Iterable[np.ndarray]) -> None:
        self._sequences = iter(sequences)
        self._parts: list[np.ndarray] = []

    def take(self, length: int) -> np.ndarray:
        """Take the next `length` tokens.  Raises VqaudioError if there are fewer."""
        parts, missing = [], length
        while missing:
            if not self._parts:
                following = next(self._sequences, None)
                if following is None:
                    raise VqaudioError(f"the sequences end {missing} tokens before their document does")
                self._parts = [following]
            part = self._parts.pop()
            parts.append(part[:missing])
            if len(part) > missing:
                self._parts = [part[missing:]]
            missing -= len(parts[-1])
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def require_end(self, pad: int | None) -> None:
        """Check that only `pad` is left, or nothing where it is None.  Raises VqaudioError otherwise."""
        for part in chain(self._parts, self._sequences):
            if len(part) and (pad is None or (part != pad).any()):
                raise VqaudioError(f"after the last document {len(part)} tokens are left that belong to none")
