"""A report on the terminal: what is heard, what is measured, how the codebooks are used, what was left out."""

import math
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from vqaudio.jobs.report import HEADINGS, Report, Row
from vqaudio.metrics.bootstrap import MeanScore

# The columns of the two tables.
HEARD = ("pesq_wb", "pesq_nb", "stoi", "estoi", "visqol")
MEASURED = tuple(name for name in HEADINGS if name not in HEARD)
WIDEST = 130  # of a table, where the terminal does not say


def print_report(report: Report, stream: TextIO | None = None) -> None:
    """Tables to a stream, standard output unless told otherwise."""
    target = stream or sys.stdout
    console = Console(file=target, width=None if target.isatty() else WIDEST, highlight=False)
    console.print(
        f"{report.num_files} files, {report.seconds / 60:.1f} minutes; means ± half of their 95 % bootstrap intervals"
    )
    for columns in (HEARD, MEASURED):
        if table := _score_table(report.rows, columns):
            console.print(table)
    if report.codebooks:
        console.print(_codebook_table(report))
    for line in (*_not_measured(report), *_coverage(report.rows), *_failures(report)):
        console.print(line, markup=False)


def _score_table(rows: Sequence[Row], columns: Sequence[str]) -> Table | None:
    shown = [name for name in columns if any(name in row.scores for row in rows)]
    if not shown:
        return None
    table = Table(box=None, pad_edge=False)
    table.add_column("coder", no_wrap=True)
    for heading in ("nominal", "entropy", "file", *(HEADINGS[name][0] for name in shown)):
        table.add_column(heading, justify="right")
    for row in rows:
        rates = (_number(rate, 2) for rate in (row.rates.nominal, row.rates.entropy, row.rates.file))
        scores = (_interval(row.scores.get(name), HEADINGS[name][1]) for name in shown)
        table.add_row(f"{row.coder} {row.setting}", *rates, *scores)
    table.caption = "nominal, entropy, file: kbit/s"
    table.caption_justify = "left"
    return table


def _codebook_table(report: Report) -> Table:
    table = Table("codebook", box=None, pad_edge=False)
    for heading in ("used", "perplexity", "bits a frame", "top code"):
        table.add_column(heading, justify="right")
    for book in report.codebooks:
        shares = (f"{book.used:.1%}", f"{book.perplexity:.0f}", f"{book.entropy_bits:.2f}", f"{book.top_code:.1%}")
        table.add_row(f"{book.codec} #{book.codebook + 1}", *shares)
    table.caption = f"over {report.codebooks[0].num_frames:,} frames; usage grows with their number"
    table.caption_justify = "left"
    return table


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _interval(score: MeanScore | None, digits: int) -> str:
    if score is None or math.isnan(score.mean):
        return "-"
    return f"{score.mean:.{digits}f} ±{(score.high - score.low) / 2:.{digits}f}"


def _not_measured(report: Report) -> list[str]:
    """One line per reason: which metrics have no column, and what would give them one."""
    reasons: dict[str, list[str]] = {}
    for name, reason in report.not_measured.items():
        reasons.setdefault(reason, []).append(name)
    return [f"not measured: {', '.join(names)}: {reason}" for reason, names in reasons.items()]


def _coverage(rows: Iterable[Row]) -> list[str]:
    """One line per row and metric whose mean does not rest on a score of every file."""
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
    return [f"left out: {entry['id']} {entry['coder']}: {entry['reason']}" for entry in report.failures[:20]]
