"""Forced alignment of the words and phones of a recording whose English text is known."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.align.sphinx_decoder import RATE_HZ, WIDE_BEAM, NoAlignmentError, SphinxDecoder
from vqaudio.jobs.align.spoken_words import spoken_words
from vqaudio.jobs.align.times import LONGEST_PIECE_S, SHIFT_S, Alignment, append_shifted, pieces

FRAME_SAMPLES = 160
LEVEL_RMS = 0.1
UNKNOWN = "+SPN+"  # pocketsphinx's model of speech that is no word


class UnknownWordsError(VqaudioError):
    """words: what the dictionary does not have."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(f"not in the dictionary: {', '.join(words)}")
        self.words = tuple(words)


class PhoneAligner:
    """A forced aligner of one recording after the other; none changes the result of the next.

    pronunciations: (word, phones) that are added to the dictionary.  accepts_unknown: words without a pronunciation
    become one stretch of unknown phones (+SPN+) in place of an error.
    Raises VqaudioError if pocketsphinx is not installed.
    """

    def __init__(self, pronunciations: Iterable[tuple[str, str]] = (), *, accepts_unknown: bool = False) -> None:
        self._pronunciations, self._accepts_unknown = tuple(pronunciations), accepts_unknown
        self._decoder = SphinxDecoder(self._pronunciations)

    def align(self, samples: np.ndarray, text: str) -> Alignment:
        """Align the words of `text` with `samples` (`n` float32 at 16 kHz).

        Raises UnknownWordsError, or VqaudioError if there is no word or the recording cannot be these words.
        """
        learnt: dict[str, str] = {}
        spoken = spoken_words(text, lambda word: self._knows(word, learnt))
        if not spoken.words:
            raise VqaudioError("the transcript has no words")
        if spoken.unknown and not self._accepts_unknown:
            raise UnknownWordsError(spoken.unknown)
        learnt.update(dict.fromkeys(spoken.unknown, UNKNOWN))
        warnings = [f"left out of the text: {marker}" for marker in spoken.markers]
        warnings += [f"not in the dictionary, so without phones: {word}" for word in spoken.unknown]
        alignment = self._first_try(levelled(samples), spoken.words, learnt)
        if alignment is None:
            alignment = self._second_try(levelled(samples), spoken.words, learnt)
            warnings.append("hard to align: look whether it is right")
        return replace(alignment, warnings=tuple(warnings))

    def _knows(self, word: str, learnt: dict[str, str]) -> bool:
        """Return whether there is a pronunciation.  Possessives are made of their owner's, as English does: Basle's."""
        owner = self._decoder.pronunciation(word[:-2]) if word.endswith("'s") else None
        if owner and self._decoder.pronunciation(word) is None:
            learnt[word] = f"{owner} {possessive_ending(owner)}"
        return word in learnt or self._decoder.pronunciation(word) is not None

    def _first_try(self, samples: np.ndarray, words: Sequence[str], learnt: dict[str, str]) -> Alignment | None:
        for word, phones in learnt.items():
            self._decoder.learn(word, phones)
        is_spent = bool(learnt)  # the next text must not know them
        try:
            return align_in_pieces(self._decoder, samples, words)
        except NoAlignmentError:
            is_spent = True
            return None
        finally:
            if is_spent:
                self._decoder = SphinxDecoder(self._pronunciations)

    def _second_try(self, samples: np.ndarray, words: Sequence[str], learnt: dict[str, str]) -> Alignment:
        """Align again, slower: with a wide beam."""
        decoder = SphinxDecoder((*self._pronunciations, *learnt.items()), beam=WIDE_BEAM)
        try:
            return align_in_pieces(decoder, samples, words)
        except NoAlignmentError:
            raise VqaudioError(
                f"the aligner cannot find the {len(words)} words of the text in {len(samples) / RATE_HZ:.1f} s of "
                "sound; is this the text of this recording?"
            ) from None


def align_in_pieces(decoder: SphinxDecoder, samples: np.ndarray, words: Sequence[str]) -> Alignment:
    """Align a long recording in pieces, cut at pauses of the first pass: the second holds every phone at every frame.

    Raises NoAlignmentError.
    """
    if len(samples) <= LONGEST_PIECE_S * RATE_HZ:
        return decoder.align(samples, words)
    alignment = Alignment([], [])
    start = 0
    for stop_frame, piece_words in pieces(decoder.find_words(samples, words)):
        stop = len(samples) if stop_frame is None else stop_frame * FRAME_SAMPLES + round(SHIFT_S * RATE_HZ)
        piece = decoder.align(samples[start:stop], piece_words)
        append_shifted(alignment.words, piece.words, start / RATE_HZ)
        append_shifted(alignment.phones, piece.phones, start / RATE_HZ)
        start = stop
    return alignment


def possessive_ending(phones: str) -> str:
    """Pronounce 's after these phones: IH Z after a sibilant, S after a voiceless sound, else Z."""
    last = phones.split()[-1]
    if last in ("S", "Z", "SH", "ZH", "CH", "JH"):
        return "IH Z"
    return "S" if last in ("P", "T", "K", "F", "TH") else "Z"


def levelled(samples: np.ndarray) -> np.ndarray:
    """Normalise the level, so that 16 bits resolve quiet recordings; nothing is clipped."""
    power = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    if power == 0.0:
        return samples
    return samples * min(LEVEL_RMS / power, 1.0 / float(np.abs(samples).max()))
