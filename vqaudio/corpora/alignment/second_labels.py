"""Readers of label files with times in seconds: Audacity's, and those of xlabel, which Buckeye and Festival use."""

from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import alignment_lines, checked

HEADER_END = "#"
FIELD_SEPARATOR = ";"  # xlabel: the label comes first, in Buckeye's .words then two transcriptions and a word class
FREQUENCIES = "\\"  # Audacity: begins a line with the frequencies of the label above


def read_audacity(path: str | Path) -> list[Interval]:
    """Read the intervals of an Audacity label track: lines `start_s end_s label`; a label may have spaces, or be empty.

    Source: Audacity Manual, "Importing and Exporting Labels".
    Raises VqaudioError for a line of another form or times that run backwards.
    """
    intervals = []
    for number, fields in alignment_lines(Path(path), 2):
        if fields[0] == FREQUENCIES:
            continue
        try:
            start_s, end_s = float(fields[0]), float(fields[1])
        except (ValueError, IndexError):
            raise VqaudioError(f"line {number} of {path}: wanted `start_s end_s label`") from None
        intervals.append(Interval(fields[2] if len(fields) > 2 else "", start_s, end_s))
    return checked(path, intervals)


def read_xlabel(path: str | Path) -> list[Interval]:
    """Read the intervals of an xlabel file: a header, a line `#`, then lines `end_s colour label`.

    Buckeye's .phones and .words and Festival's .lab are such files.  Each label begins where the one before ends, the
    first at 0.
    Source: Pitt et al. 2007, "Buckeye corpus of conversational speech".
    Raises VqaudioError if there is no such header, for a line of another form, or times that run backwards.
    """
    lines = alignment_lines(Path(path), 2)
    header_size = next((number for number, (_, fields) in enumerate(lines, 1) if fields == [HEADER_END]), None)
    if header_size is None:
        raise VqaudioError(f"{path} is no xlabel file: no line {HEADER_END!r} ends its header")
    intervals, last_end_s = [], 0.0
    for number, fields in lines[header_size:]:
        try:
            end_s = float(fields[0])
            int(fields[1])
        except (ValueError, IndexError):
            raise VqaudioError(f"line {number} of {path}: wanted `end_s colour label`") from None
        label = fields[2].split(FIELD_SEPARATOR)[0].strip() if len(fields) > 2 else ""
        intervals.append(Interval(label, last_end_s, end_s))
        last_end_s = end_s
    return checked(path, intervals)
