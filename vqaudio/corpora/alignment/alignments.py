"""Readers of phone and word alignments: TextGrid, TIMIT .phn and .wrd, CTM; for the other formats see `formats.py`.

Every reader keeps what the file says, pauses and empty labels included, and refuses what cannot be right:
an interval that ends before it starts or begins before its neighbour has ended.
"""

from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import alignment_lines, checked, counted_s
from vqaudio.corpora.alignment.textgrid import read_tiers


def read_textgrid(path: str | Path, tier: str = "phones") -> list[Interval]:
    """Read the intervals of one tier of a Praat TextGrid, long or short, UTF-8 or UTF-16; times in seconds.

    tier: its name, upper or lower case.
    Raises VqaudioError if the file is no TextGrid, has no such interval tier, or its times run backwards.
    """
    tiers = read_tiers(Path(path))
    for name, intervals in tiers.items():
        if name.lower() == tier.lower():
            return checked(path, intervals)
    raise VqaudioError(f"{path} has no interval tier {tier!r}; its interval tiers: {', '.join(tiers) or 'none'}")


def read_phn(path: str | Path, sample_rate_hz: int = 16_000) -> list[Interval]:
    """Read the intervals of a TIMIT .phn or .wrd file: lines `first_sample end_sample label`.

    sample_rate_hz: of the recording.
    Raises VqaudioError for a line of another form or times that run backwards.
    """
    intervals = []
    for number, fields in alignment_lines(Path(path), 2):
        try:
            start_s, end_s = (counted_s(fields[column], sample_rate_hz) for column in (0, 1))
        except (ValueError, IndexError):
            raise VqaudioError(f"line {number} of {path}: wanted `first_sample end_sample label`") from None
        label = fields[2] if len(fields) > 2 else ""
        intervals.append(Interval(label, start_s, end_s))
    return checked(path, intervals)


def read_ctm(path: str | Path) -> dict[str, list[Interval]]:
    """Read the intervals of every utterance in a NIST CTM file.

    Lines are `utterance channel start_s duration_s label [confidence]`; those of one utterance need not stand
    together but come in the order of time; `;;` begins a comment.
    Raises VqaudioError for a line of another form or times that run backwards.
    """
    by_utterance: dict[str, list[Interval]] = {}
    for number, fields in alignment_lines(Path(path)):
        try:
            utterance, _, start, duration, label = fields[:5]
            start_s, duration_s = float(start), float(duration)
        except ValueError:
            raise VqaudioError(
                f"line {number} of {path}: wanted `utterance channel start_s duration_s label`"
            ) from None
        # Sums of decimals such as 0.1 + 0.2 would not meet their neighbour's start: rounded to a nanosecond.
        by_utterance.setdefault(utterance, []).append(Interval(label, start_s, round(start_s + duration_s, 9)))
    return {utterance: checked(f"{utterance} in {path}", intervals) for utterance, intervals in by_utterance.items()}
