"""The figures of a report in words, the same on the terminal and on a page."""

import math
from collections.abc import Iterable

from vqaudio.jobs.evaluate.report import Report, Row
from vqaudio.metrics.bootstrap import MeanScore

ASKED_RATES = ("adaptive", "prior")  # of `--entropy`
MOST_FAILURES = 20  # listed by name; the JSON has all


def format_rate(kbps: float | None) -> str:
    """Format a rate with two digits, `-` for none."""
    return "-" if kbps is None or math.isnan(kbps) else f"{kbps:.2f}"


def rate_columns(rows: Iterable[Row]) -> list[str]:
    """List the rates that have a column: those that need no asking, and those that a row has."""
    asked = {name for row in rows for name in ASKED_RATES if vars(row.rates)[name] is not None}
    return [name for name in ("nominal", "entropy", *ASKED_RATES, "file") if name not in ASKED_RATES or name in asked]


def format_rates(row: Row, columns: Iterable[str]) -> list[str]:
    """Format a row's rates for its columns."""
    return [format_rate(vars(row.rates)[name]) for name in columns]


def format_score(score: MeanScore | None, digits: int) -> str:
    """Format a mean and half of its interval, `-` for what was not scored."""
    if score is None or math.isnan(score.mean):
        return "-"
    return f"{score.mean:.{digits}f} ±{(score.high - score.low) / 2:.{digits}f}"


def coverage_notes(report: Report) -> list[str]:
    """List how coders were used, and what the means do not rest on: metrics, files without a score, files left out."""
    return [*report.notes, *_not_measured(report), *_coverage(report.rows), *_failures(report)]


def _not_measured(report: Report) -> list[str]:
    """List, one line per reason, which metrics have no column, and what would give them one."""
    reasons: dict[str, list[str]] = {}
    for name, reason in report.not_measured.items():
        reasons.setdefault(reason, []).append(name)
    return [f"not measured: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _coverage(rows: Iterable[Row]) -> list[str]:
    """List, one line each, the rows and metrics whose mean does not rest on a score of every file."""
    lines = []
    for row in rows:
        for name, score in row.scores.items():
            label = f"{row.coder} {row.setting}: {name}"
            if score.num_filled:
                lines.append(f"{label} gave up on {_files(score.num_filled)}; each counts as {score.fill:g}")
            if score.num_left_out:
                lines.append(f"{label} leaves out {_files(score.num_left_out)}")
    return lines


def _files(count: int) -> str:
    return f"{count} file" if count == 1 else f"{count} files"


def _failures(report: Report) -> list[str]:
    return [f"left out: {entry['id']} {entry['coder']}: {entry['reason']}" for entry in report.failures[:MOST_FAILURES]]
