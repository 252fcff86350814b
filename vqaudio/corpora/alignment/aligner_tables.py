"""The JSON and CSV files of the Montreal Forced Aligner.

Pauses are gaps in them unless it ran with `--no_textgrid_cleanup`.  With several speakers in a file JSON has the tiers
`SPEAKER - phones`, and CSV a column.
Source: McAuliffe et al. 2017, "Montreal Forced Aligner"; `export_textgrid` of version 3.
"""

import csv
import io
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import checked, read_alignment_text

COLUMNS = ("Begin", "End", "Label", "Type")


def read_mfa_json(path: str | Path, tier: str = "phones") -> list[Interval]:
    """Read the intervals of one tier of a JSON alignment of the Montreal Forced Aligner (`--output_format json`).

    Raises VqaudioError if it is no such file, has no such tier, or its times run backwards.
    """
    try:
        tiers = parse_json(read_alignment_text(Path(path)))["tiers"]
        entries = {name.lower(): value["entries"] for name, value in tiers.items() if value["type"] == "interval"}
        if tier.lower() not in entries:
            raise VqaudioError(
                f"{path} has no interval tier {tier!r}; its interval tiers: {', '.join(tiers) or 'none'}"
            )
        intervals = [Interval(str(label), float(start), float(end)) for start, end, label in entries[tier.lower()]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise VqaudioError(f"{path} is not JSON of the Montreal Forced Aligner: {error!r}") from None
    return checked(path, intervals)


def read_mfa_csv(path: str | Path, tier: str = "phones") -> list[Interval]:
    """Read the intervals of one type of a CSV alignment of the Montreal Forced Aligner (`--output_format csv`), in the
    order of time.

    Raises VqaudioError if it is no such file, has no such type, or two of its intervals overlap.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_alignment_text(Path(path)))))
    except csv.Error as error:
        raise VqaudioError(f"{path} is no CSV of the Montreal Forced Aligner: {error}") from None
    if not rows or not set(COLUMNS) <= set(rows[0]):
        raise VqaudioError(f"{path} is no CSV of the Montreal Forced Aligner; wanted the columns {', '.join(COLUMNS)}")
    kept = [row for row in rows if (row["Type"] or "").lower() == tier.lower()]
    if not kept:
        types = ", ".join(sorted({row["Type"] or "" for row in rows}))
        raise VqaudioError(f"{path} has no intervals of the type {tier!r}; its types: {types}")
    try:
        intervals = [Interval(row["Label"] or "", float(row["Begin"]), float(row["End"])) for row in kept]
    except (ValueError, TypeError) as error:
        raise VqaudioError(f"{path} has a time that is no number of seconds: {error}") from None
    return checked(path, sorted(intervals, key=lambda interval: interval.start_s))
