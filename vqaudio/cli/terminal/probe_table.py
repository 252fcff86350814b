"""A probe report on the terminal: coverage, the headline among its controls, phones by class, further probes."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.table import Table

from vqaudio.core.printable import printable
from vqaudio.jobs.probe import wording
from vqaudio.jobs.probe.interface import ProbeTable
from vqaudio.jobs.probe.report import ProbeReport

WIDEST = 130  # of a table, where the terminal does not say


def print_probe(report: ProbeReport, stream: TextIO | None = None, *, has_glossary: bool = False) -> None:
    """Print the tables to a stream, standard output by default; with what each column is, if asked."""
    target = stream or sys.stdout
    console = Console(file=target, width=None if target.isatty() else WIDEST, highlight=False)

    def say(lines: Iterable[str]) -> None:
        for line in lines:
            # Not by rich, which would break lines and expand the tabs.
            print("\t".join(map(printable, line.split("\t"))), file=target)

    def explain(glossary: Mapping[str, str], otherwise: str = "") -> None:
        say(wording.glossary_lines(glossary) if has_glossary and glossary else [otherwise] if otherwise else [])

    say(wording.coverage_lines(report))
    say(wording.gate_lines(report))
    if report.rows:
        console.print(_headline_table(report))
        explain(wording.HEADLINE_GLOSSARY, f"{wording.HEADLINE_NOTE} (--glossary: every column)")
        say(wording.prior_lines(report))
        console.print(_class_table(report))
        explain(wording.CLASS_GLOSSARY)
    say(wording.rate_lines(report))
    say(wording.further_lines(report))
    for further in wording.further_tables(report):
        console.print(_further_table(further))
        explain(further.glossary)
    if line := report.fairseq_line():
        say(["as fairseq's measure_teacher_quality.py prints it (ref: phones, hyp: codes):", *line.splitlines()])
    say(report.notes)


def _headline_table(report: ProbeReport) -> Table:
    table = _table("", wording.HEADLINE_COLUMNS)
    for row in report.rows:
        table.add_row(row.name, *wording.headline_cells(row))
    return table


def _class_table(report: ProbeReport) -> Table:
    table = _table("class", wording.CLASS_COLUMNS)
    for rows in report.classes.values():
        for row in rows:
            table.add_row(printable(row.label), *wording.class_cells(row))
        table.add_section()
    return table


def _further_table(further: ProbeTable) -> Table:
    table = _table(further.first, further.columns)
    for row in further.rows:
        table.add_row(*map(printable, row))
    table.caption, table.caption_justify = further.caption, "left"
    return table


def _table(first: str, headings: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(first, justify="left", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
