"""The interface to pocketsphinx for alignment: its dictionary, and its two passes over a recording.

The first pass finds the words and the pauses between them, the second the phones in each word.  The English acoustic
model and the CMU dictionary come with pocketsphinx's wheel.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from vqaudio.audio.samples import to_int16
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.align.times import NO_WORD, Alignment, FoundWord, intervals, is_pause

RATE_HZ = 16_000
BEAM, WIDE_BEAM = 1e-48, 1e-120  # the first is pocketsphinx's own
VARIANT = re.compile(r"\(\d+\)$")


class NoAlignmentError(VqaudioError):
    """An error: the words cannot be found in the recording."""


class SphinxDecoder:
    """The dictionary and the decoder of pocketsphinx.

    beam: how unlikely a path may be, beside the best one, and still be followed.

    pronunciations: (word, phones), added to the dictionary; for a word that it has they are further variants.
    After a NoAlignmentError make a new one: pocketsphinx's own state is no longer sound.
    Raises VqaudioError if pocketsphinx is not installed.
    """

    def __init__(self, pronunciations: Iterable[tuple[str, str]] = (), *, beam: float = BEAM) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError:
            raise VqaudioError("alignment needs pocketsphinx: pip install 'vqaudio[align]'") from None
        wide = {"beam": beam, "pbeam": beam, "wbeam": beam} if beam != BEAM else {}
        # bestpath: its lattice gives words fewer frames than their phones need (pocketsphinx pull request 500).
        # cmn: a recording's own mean, so that what was decoded before does not matter.
        self._decoder = Decoder(lm=None, bestpath=False, cmn="batch", loglevel="FATAL", **wide)
        for word, phones in pronunciations:
            self.learn(word, phones)

    def pronunciation(self, word: str) -> str | None:
        """Look up the first pronunciation in the dictionary, None if it has none."""
        return None if not word or is_pause(word) or VARIANT.search(word) else self._decoder.lookup_word(word)

    def learn(self, word: str, phones: str) -> None:
        """Add a pronunciation."""
        name, number = word, 2
        while self._decoder.lookup_word(name) is not None:
            name, number = f"{word}({number})", number + 1
        self._decoder.add_word(name, phones, True)

    def find_words(self, samples: np.ndarray, words: Sequence[str]) -> list[FoundWord]:
        """Recognise the words and pauses: the first pass.

        samples: `n` float32 in [-1, 1] at 16 kHz.  Raises NoAlignmentError.
        """
        try:
            self._decoder.set_align_text(" ".join(words))
            self._decode(samples)
            segments = [
                (segment.word, segment.start_frame, segment.end_frame + 1) for segment in self._decoder.seg() or ()
            ]
        except RuntimeError as error:
            raise NoAlignmentError(str(error)) from None
        found_words = [FoundWord(VARIANT.sub("", word), start, stop) for word, start, stop in segments]
        if [segment.word for segment in found_words if not segment.is_pause] != list(words):
            raise NoAlignmentError("no path through all words")
        return found_words

    def align(self, samples: np.ndarray, words: Sequence[str]) -> Alignment:
        """Align words and phones, by both passes.

        Memory grows with the square of the length.  Raises NoAlignmentError.
        """
        self.find_words(samples, words)
        try:
            self._decoder.set_alignment()
            self._decode(samples)
            # Entries are read while the alignment is alive: they are pointers into it.
            aligned = [
                (word.name, [(phone.name, phone.start) for phone in word]) for word in self._decoder.get_alignment()
            ]
        except RuntimeError as error:
            raise NoAlignmentError(str(error)) from None
        spelled = [(_spelling(word), phones[0][1]) for word, phones in aligned]
        phones = [entry for _, entries in aligned for entry in entries]
        duration_s = len(samples) / RATE_HZ
        return Alignment(list(intervals(spelled, duration_s)), list(intervals(phones, duration_s)))

    def _decode(self, samples: np.ndarray) -> None:
        pcm = to_int16(samples).astype("<i2").tobytes()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, full_utt=True)
        self._decoder.end_utt()


def _spelling(word: str) -> str:
    """Spell a word as the tier shows it: `the` for the(2), `i` for i., nothing for a pause."""
    return NO_WORD if is_pause(word) else VARIANT.sub("", word).rstrip(".")
