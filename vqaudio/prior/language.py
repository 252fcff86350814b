"""Sequences of codes for a language model: which tokens they have, and which may come next.

<|bos|> [speaker] units <|eos|>         units: the codes in the order of the pattern, or code, duration, code ...
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.config import SequenceConfig
from vqaudio.tokens.patterns import from_units, keeps_padding, to_units
from vqaudio.tokens.runs import from_timed_units, to_timed_units
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.vocabulary import Vocabulary

Tokens = NDArray[np.int64]
LONGEST_FRAMES = 32  # of a duration that has a unit; a longer segment is said in parts


@dataclass(frozen=True)
class CodeLanguage:
    """The tokens and sequences of the codes of one codec; of one codebook, token == code.

    Of segments each code is followed by a unit for its duration; these units come after those of the codes.
    stamp: of the codec, its num_codebooks those of the sequences.  speakers: those that have a token; none if sequences
    have no speaker token.  One that is not among them is `<|unk|>`.
    """

    stamp: CodecStamp
    pattern: str = "delayed"
    speakers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        SequenceConfig(self.stamp.num_codebooks, self.pattern)

    @property
    def num_codebooks(self) -> int:
        """Codes of a frame."""
        return self.stamp.num_codebooks

    @property
    def has_durations(self) -> bool:
        """Whether the codes are those of segments, each followed by its duration."""
        return self.stamp.segments is not None

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The numbers of all tokens, as `vqaudio export` gives them but for the durations."""
        has_pad = self.num_codebooks > 1 and keeps_padding(self.pattern)
        num_units = self.num_codebooks * self.stamp.codebook_size + LONGEST_FRAMES * self.has_durations
        return Vocabulary(num_units, has_pad=has_pad, speakers=self.speakers)

    @property
    def eos(self) -> int:
        """The token after the last unit."""
        return self.vocabulary.special("<|eos|>")

    @property
    def num_symbols(self) -> int:
        """The number of symbols that a prior predicts: units, and the end."""
        return self.vocabulary.num_units + 1

    @cached_property
    def predicted(self) -> Tokens:
        """The tokens that a prior predicts, in the order of the symbols."""
        return np.append(np.arange(self.vocabulary.num_units), self.eos)

    def head(self, speaker: str | None = None) -> Tokens:
        """Return the tokens before the units."""
        vocabulary = self.vocabulary
        head = [vocabulary.special("<|bos|>")]
        if self.speakers:
            head.append(vocabulary.speaker(speaker) if speaker in self.speakers else vocabulary.special("<|unk|>"))
        return np.array(head, dtype=np.int64)

    def units(self, codes: NDArray[np.integer]) -> Tokens:
        """Order the codes `k t` by the pattern, or write the segments with their durations.

        Raises VqaudioError for fewer codebooks than the language's.
        """
        if codes.ndim != 2 or len(codes) < self.num_codebooks:
            raise VqaudioError(f"wanted codes k t of {self.num_codebooks} codebooks or more, got {codes.shape}")
        if self.has_durations:
            return to_timed_units(codes[0], self.stamp.codebook_size, LONGEST_FRAMES)
        return to_units(codes[: self.num_codebooks], self.pattern, self.stamp.codebook_size)

    def codes(self, units: Tokens) -> Tokens:
        """Recover the codes `k t` from units, the inverse of `units`."""
        if self.has_durations:
            return from_timed_units(units, self.stamp.codebook_size)[None]
        return from_units(units, self.pattern, self.num_codebooks, self.stamp.codebook_size)

    def begun(self, codes: NDArray[np.integer]) -> Tokens:
        """Return the first units of a longer sequence that begins with codes `k t`: what these frames decide."""
        units = self.units(codes)
        return units if self.has_durations else units[: codes.shape[1] * self.num_codebooks]

    def document(self, codes: NDArray[np.integer], speaker: str | None = None) -> Tokens:
        """Make the whole sequence of a recording with codes `k t`."""
        return np.concatenate([self.head(speaker), self.units(codes), [self.eos]])

    def symbols(self, document: Tokens) -> Tokens:
        """Convert a document to symbols: without its head, the end as `num_symbols - 1`.

        These are what is scored, and what n-grams read.
        """
        body = document[len(self.head()) :]
        return np.where(body == self.eos, self.num_symbols - 1, body)


class Grammar:
    """A grammar that follows one sequence unit by unit and says which symbols may come next.

    min_frames, max_frames: how many it may have.  Of `delayed` codebooks the first one ends with padding; then the
    others have as many frames to go as their delay.
    """

    def __init__(self, language: CodeLanguage, *, min_frames: int, max_frames: int) -> None:
        if not 1 <= min_frames <= max_frames:
            raise VqaudioError(f"wanted 1 to {max_frames} frames at least, got {min_frames}")
        self.language, self._min_frames, self._max_frames = language, min_frames, max_frames
        self.units: list[int] = []
        self._num_frames: int | None = None  # known once the end was drawn

    @property
    def is_open(self) -> bool:
        """Whether the sequence is still unfinished."""
        max_delay = self.language.num_codebooks - 1 if self.language.vocabulary.has_pad else 0
        num_frames = self._max_frames if self._num_frames is None and not max_delay else self._num_frames
        return num_frames is None or len(self.units) < (num_frames + max_delay) * self.language.num_codebooks

    def allowed(self) -> NDArray[np.bool_]:
        """Return a mask of the symbols that may come next: `num_symbols`."""
        step, codebook = divmod(len(self.units), self.language.num_codebooks)
        size, vocabulary = self.language.stamp.codebook_size, self.language.vocabulary
        allowed = np.zeros(self.language.num_symbols, dtype=bool)
        frame = step - codebook if vocabulary.has_pad else step
        num_frames = self._max_frames if self._num_frames is None else self._num_frames
        if 0 <= frame < num_frames:
            allowed[codebook * size : (codebook + 1) * size] = True
        else:
            allowed[vocabulary.num_codes] = True
        if codebook == 0 and self._num_frames is None and step >= self._min_frames:
            allowed[-2 if vocabulary.has_pad else -1] = True
        return allowed

    def push(self, symbol: int) -> None:
        """Append the next symbol."""
        step, codebook = divmod(len(self.units), self.language.num_codebooks)
        vocabulary = self.language.vocabulary
        if symbol == self.language.num_symbols - 1 or (
            vocabulary.has_pad and codebook == 0 and symbol == vocabulary.num_codes
        ):
            self._num_frames = step if self._num_frames is None else self._num_frames
        if symbol != self.language.num_symbols - 1:
            self.units.append(symbol)

    def recent(self, num_frames: int) -> list[int]:
        """Return the units of the last frames."""
        return self.units[-num_frames * self.language.num_codebooks :]

    def codes(self) -> Tokens:
        """Return the codes `k t` of a finished sequence."""
        return self.language.codes(np.array(self.units, dtype=np.int64))
