"""Praat's TextGrid files: both text formats are one stream of numbers, quoted strings and flags.

The long format only adds names (`xmin = 0`, `intervals [1]:`) around the same values in the same order.
Source: Praat manual, "TextGrid file formats".
"""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval

# A value stands alone or after "="; "[1]" and words are names.  A quotation mark inside a string is doubled.
# No part of the pattern is tried twice over the same characters: a damaged file is read in one pass too.
TOKEN = re.compile(r'"(?P<string>[^"]*(?:""[^"]*)*)"|(?P<open>")|\[[\s\d]*\]|<(?P<flag>\w+)>|!.*|(?P<word>[^\s"<\[]+)')
INTERVAL_TIER, POINT_TIER = "IntervalTier", "TextTier"


def read_tiers(path: Path) -> dict[str, list[Interval]]:
    """Read the interval tiers of a TextGrid by name; of tiers with one name the first; point tiers are passed over.

    Raises VqaudioError if the file is missing, no text TextGrid, or ends early.
    """
    values = _values(_text(path))
    try:
        if next(values) != "ooTextFile" or next(values) != "TextGrid":
            raise VqaudioError(f"{path} is no TextGrid in a text format; save it from Praat as text")
        _skip(values, 2)  # the file's start and end
        if next(values) != "exists":
            return {}
        tiers: dict[str, list[Interval]] = {}
        for _ in range(int(next(values))):
            kind, name = next(values), next(values)
            _skip(values, 2)  # the tier's start and end
            intervals = _tier(kind, int(next(values)), values)
            if kind == INTERVAL_TIER:
                tiers.setdefault(name, intervals)
        return tiers
    except StopIteration:
        raise VqaudioError(f"{path} ends in the middle of the TextGrid; it was cut off") from None
    except ValueError as error:
        raise VqaudioError(f"{path} is a damaged TextGrid: {error}") from None


def write_tiers(path: Path, tiers: Mapping[str, Sequence[Interval]], end_s: float) -> None:
    """Write interval tiers as a long TextGrid, in UTF-8; the file is whole or not there.

    Every tier covers 0 to `end_s` without gaps, as Praat wants it.
    Raises VqaudioError if a tier does not, or if the file cannot be written.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_s}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, intervals) in enumerate(tiers.items(), 1):
        edges = [0, *(edge for interval in intervals for edge in (interval.start_s, interval.end_s)), end_s]
        if edges[0::2] != edges[1::2] or edges != sorted(edges):
            raise VqaudioError(f"{path}: tier {name!r} does not cover 0 to {end_s} s without gaps; fill them")
        lines += [f"    item [{number}]:", f'        class = "{INTERVAL_TIER}"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end_s}", f"        intervals: size = {len(intervals)}"]
        for index, interval in enumerate(intervals, 1):
            lines += [f"        intervals [{index}]:", f"            xmin = {interval.start_s}"]
            lines += [f"            xmax = {interval.end_s}", f"            text = {_quoted(interval.label)}"]
    text = "\n".join(lines) + "\n"
    replace_durably(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _tier(kind: str, size: int, values: Iterator[str]) -> list[Interval]:
    if kind == POINT_TIER:
        _skip(values, 2 * size)
        return []
    if kind != INTERVAL_TIER:
        raise ValueError(f"{kind!r} where the kind of a tier was wanted")
    intervals = []
    for _ in range(size):
        start_s, end_s = float(next(values)), float(next(values))
        intervals.append(Interval(next(values), start_s, end_s))
    return intervals


def _skip(values: Iterator[str], count: int) -> None:
    for _ in range(count):
        next(values)


def _values(text: str) -> Iterator[str]:
    for token in TOKEN.finditer(text):
        if token["open"] is not None:
            return  # the file ends in the middle of a string
        if token["string"] is not None:
            yield token["string"].replace('""', '"')
        elif token["flag"] is not None:
            yield token["flag"]
        elif token["word"] is not None and re.match(r"[-+.]?\d", token["word"]):
            yield token["word"]


def _text(path: Path) -> str:
    if not path.is_file():
        raise VqaudioError(f"there is no TextGrid {path}")
    data = path.read_bytes()
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))  # what Praat writes beyond ASCII
    try:
        return data.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise VqaudioError(f"{path} is neither UTF-8 nor UTF-16 text ({error}); save it as UTF-8") from None
