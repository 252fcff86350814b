"""Which symbols may come next in a sequence of segments: a code, its duration, a code ..."""

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.language import LONGEST_FRAMES, CodeLanguage, Grammar, Tokens


class SegmentGrammar:
    """A grammar, as `Grammar` is, of a language with durations.

    No code follows itself, but for a segment that is longer than a unit can say.  min_frames, max_frames: how many the
    sequence may have; the last duration is one that ends there.
    """

    def __init__(self, language: CodeLanguage, *, min_frames: int, max_frames: int) -> None:
        if not 1 <= min_frames <= max_frames:
            raise VqaudioError(f"wanted 1 to {max_frames} frames at least, got {min_frames}")
        self.language, self._min_frames, self._max_frames = language, min_frames, max_frames
        self.units: list[int] = []
        self._num_frames, self._is_ended = 0, False

    @property
    def is_open(self) -> bool:
        """Whether the sequence is still unfinished."""
        return not self._is_ended and (self._awaits_duration or self._num_frames < self._max_frames)

    def allowed(self) -> NDArray[np.bool_]:
        """Return a mask of the symbols that may come next: `num_symbols`."""
        allowed, size = np.zeros(self.language.num_symbols, dtype=bool), self.language.stamp.codebook_size
        if self._awaits_duration:
            allowed[size : size + min(LONGEST_FRAMES, self._max_frames - self._num_frames)] = True
            return allowed
        allowed[:size] = True
        if self.units and self.units[-1] != size + LONGEST_FRAMES - 1:
            allowed[self.units[-2]] = False
        allowed[-1] = self._num_frames >= self._min_frames
        return allowed

    def push(self, symbol: int) -> None:
        """Append the next symbol."""
        if symbol == self.language.num_symbols - 1:
            self._is_ended = True
            return
        if self._awaits_duration:
            self._num_frames += symbol - self.language.stamp.codebook_size + 1
        self.units.append(symbol)

    def recent(self, num_frames: int) -> list[int]:
        """Return the codes of the last frames, their durations left out."""
        codes, size = list[int](), self.language.stamp.codebook_size
        for at in range(len(self.units) // 2 - 1, -1, -1):
            if num_frames <= 0:
                break
            codes.append(self.units[2 * at])
            num_frames -= self.units[2 * at + 1] - size + 1
        return codes

    def codes(self) -> Tokens:
        """Return the codes `1 t` of a finished sequence."""
        return self.language.codes(np.array(self.units, dtype=np.int64))

    @property
    def _awaits_duration(self) -> bool:
        return len(self.units) % 2 == 1


def grammar_of(language: CodeLanguage, *, min_frames: int, max_frames: int) -> Grammar | SegmentGrammar:
    """Make the grammar of a language."""
    kind = SegmentGrammar if language.has_durations else Grammar
    return kind(language, min_frames=min_frames, max_frames=max_frames)
