"""Conversion of an aligner's frames to intervals in seconds, and of a long recording to pieces it can hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from vqaudio.core.units import Interval

FRAME_S = 0.010
# How much earlier than the sound pocketsphinx's frames say a phone begins: a frame is a window of 25.6 ms that is
# named after its start, and its deltas look ahead.  Any shift of 8 to 20 ms agrees equally well with the Montreal
# Forced Aligner in frames; see recipes/benchmarks/align_agreement.py.
SHIFT_S = 0.015
PIECE_S, LONGEST_PIECE_S = 20.0, 40.0  # cut at a pause after the first, between any two words after the second
PAUSE, NO_WORD = "SIL", ""


@dataclass(frozen=True)
class Alignment:
    """An alignment: intervals that cover a recording from 0 to its end; the word `""` is a pause or a noise.

    warnings: what to look at, in words.
    """

    words: list[Interval]
    phones: list[Interval]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundWord:
    """A word or a pause recognised in the first pass, from `start` to before `stop`, in frames."""

    word: str
    start: int
    stop: int

    @property
    def is_pause(self) -> bool:
        """Whether it is a pause or noise: `<sil>`, `[NOISE]` ..."""
        return is_pause(self.word)


def is_pause(word: str) -> bool:
    """Return whether a word of pocketsphinx is a pause or noise: `<sil>`, `[NOISE]` ..."""
    return word.startswith(("<", "["))


def intervals(starts: Sequence[tuple[str, int]], duration_s: float) -> Iterator[Interval]:
    """Convert (label, first frame) to contiguous intervals: the first begins at 0, the last ends with the recording."""
    times_s = [0.0, *(frame * FRAME_S + SHIFT_S for _, frame in starts[1:]), duration_s]
    for (label, _), start_s, end_s in zip(starts, times_s[:-1], times_s[1:], strict=True):
        yield Interval(label, round(start_s, 6), round(end_s, 6))


def pieces(segments: Sequence[FoundWord]) -> Iterator[tuple[int | None, list[str]]]:
    """Cut a recording at pauses into (frame where the piece ends, its words); None is the recording's end.

    A piece ends in the middle of the first pause after PIECE_S, or between two words before LONGEST_PIECE_S is over.
    """
    words: list[str] = []
    start = 0
    last_word = max((index for index, segment in enumerate(segments) if not segment.is_pause), default=0)
    for index, (segment, after) in enumerate(zip(segments, [*segments[1:], None], strict=True)):
        if segment.is_pause and words and index < last_word and (segment.stop - start) * FRAME_S > PIECE_S:
            yield (segment.start + segment.stop) // 2, words
            start, words = (segment.start + segment.stop) // 2, []
        elif not segment.is_pause:
            words.append(segment.word)
            if after and not after.is_pause and (after.stop - start) * FRAME_S > LONGEST_PIECE_S:
                yield segment.stop, words
                start, words = segment.stop, []
    if words:
        yield None, words


def append_shifted(whole: list[Interval], piece: Sequence[Interval], by_s: float) -> None:
    """Append a piece's intervals to the others, `by_s` later; a pause that was cut becomes one again."""
    for interval in piece:
        moved = replace(interval, start_s=round(interval.start_s + by_s, 6), end_s=round(interval.end_s + by_s, 6))
        if whole and moved.label == whole[-1].label and moved.label in (PAUSE, NO_WORD):
            whole[-1] = replace(whole[-1], end_s=moved.end_s)
        else:
            whole.append(moved)
