"""An evaluation report on the terminal: scores, codebook usage, and what was left out."""

import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from vqaudio.core.printable import printable
from vqaudio.jobs.evaluate.report import COLUMNS, Report, Row
from vqaudio.jobs.evaluate.wording import coverage_notes, format_rates, format_score, rate_columns
from vqaudio.metrics.pair import METRICS

# The columns of the two tables.
PERCEPTUAL = tuple(name for name, metric in METRICS.items() if metric.is_perceptual)
OTHERS = tuple(name for name in COLUMNS if name not in PERCEPTUAL)
WIDEST = 130  # of a table, where the terminal does not say


def print_report(report: Report, stream: TextIO | None = None) -> None:
    """Print the tables to a stream, standard output by default."""
    target = stream or sys.stdout
    console = Console(file=target, width=None if target.isatty() else WIDEST, highlight=False)
    console.print(
        f"{report.num_files} files, {report.seconds / 60:.1f} minutes; means ± half of their 95 % bootstrap intervals"
    )
    for columns in (PERCEPTUAL, OTHERS):
        if table := _score_table(report.rows, columns):
            console.print(table)
    if report.codebooks:
        console.print(_codebook_table(report))
    for line in coverage_notes(report):
        console.print(printable(line), markup=False)


def _score_table(rows: Sequence[Row], columns: Sequence[str]) -> Table | None:
    shown = [name for name in columns if any(name in row.scores for row in rows)]
    if not shown:
        return None
    table = Table(box=None, pad_edge=False)
    table.add_column("coder", no_wrap=True)
    rates = rate_columns(rows)
    for heading in (*rates, *(COLUMNS[name].heading for name in shown)):
        table.add_column(heading, justify="right")
    for row in rows:
        scores = (format_score(row.scores.get(name), COLUMNS[name].digits) for name in shown)
        table.add_row(f"{row.coder} {row.setting}", *format_rates(row, rates), *scores)
    table.caption = f"{', '.join(rates)}: kbit/s"
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
