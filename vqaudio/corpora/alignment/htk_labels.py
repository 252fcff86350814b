"""HTK and HTS label files: lines `start end label`, times in units of 100 nanoseconds.

HTS labels carry their whole context, `x^x-sil+hh=iy@...`, of which the phone in the middle is kept; those of its
states, `...[2]` to `...[6]`, are joined.  A master label file holds the labels of many utterances.
Source: Young et al. 2006, "The HTK Book", section 6.2; Zen 2006, "An example of context-dependent label format".
"""

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import alignment_lines, checked, counted_s

UNITS_PER_SECOND = 10_000_000
STATE = re.compile(r"(?P<model>.+)\[(?P<state>\d+)\]")
CONTEXT = re.compile(r"(?:[^-+]+\^)?[^-+]+-(?P<phone>[^+]+)\+.+")  # HTS full context, or a triphone `l-p+r`
MASTER, ALTERNATIVE, END = "#!MLF!#", "///", "."


def read_lab(path: str | Path) -> list[Interval]:
    """Read the intervals of an HTK or HTS label file; of several alternatives the first.

    Raises VqaudioError for a line of another form, labels without times, or times that run backwards.
    """
    return _intervals(path, alignment_lines(Path(path)))


def read_mlf(path: str | Path) -> dict[str, list[Interval]]:
    """Read the intervals of every utterance in an HTK master label file.

    An utterance's id is the name of its label file there, without folder and suffix.
    Raises VqaudioError if it is no such file, and as `read_lab` does.
    """
    lines = alignment_lines(Path(path))
    if not lines or lines[0][1] != [MASTER]:
        raise VqaudioError(f"{path} is no HTK master label file; its first line should be {MASTER}")
    by_utterance: dict[str, list[Interval]] = {}
    name, part = None, []
    for number, fields in lines[1:]:
        if name is None:
            name, part = PurePosixPath(" ".join(fields).strip('"')).stem, []
        elif fields == [END]:
            by_utterance[name], name = _intervals(f"{name} in {path}", part), None
        else:
            part.append((number, fields))
    if name is not None:
        raise VqaudioError(f"{path} ends in the middle of {name!r}; it was cut off")
    return by_utterance


def _intervals(source: str | Path, lines: Iterable[tuple[int, list[str]]]) -> list[Interval]:
    intervals: list[Interval] = []
    before: tuple[str, int] | None = None  # model and state of the last line
    for number, fields in lines:
        if fields[0] == ALTERNATIVE:
            break
        if len(fields) < 3 or not (fields[0].isdecimal() and fields[1].isdecimal()):
            raise VqaudioError(f"line {number} of {source}: wanted `start end label`, times in whole units of 100 ns")
        start_s, end_s = (counted_s(field, UNITS_PER_SECOND) for field in fields[:2])
        match = STATE.fullmatch(fields[2])
        model, state = (match["model"], int(match["state"])) if match else (fields[2], 0)
        if match and before and before[0] == model and before[1] < state and intervals[-1].end_s == start_s:
            intervals[-1] = Interval(intervals[-1].label, intervals[-1].start_s, end_s)
        else:
            context = CONTEXT.fullmatch(model)
            intervals.append(Interval(context["phone"] if context else model, start_s, end_s))
        before = (model, state)
    return checked(source, intervals)
