"""A comparison of codecs on the terminal: one table, a row for each codec and each outside coder."""

import math
import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table

from vqaudio.cli.terminal.evaluation_table import WIDEST
from vqaudio.core.printable import printable
from vqaudio.jobs.compare.comparison import Comparison
from vqaudio.jobs.compare.facts import Facts
from vqaudio.jobs.evaluate.report import COLUMNS, Row
from vqaudio.jobs.evaluate.wording import coverage_notes, format_rate
from vqaudio.metrics.pair import METRICS

FACTS = ("encode", "decode", "start-up", "length", "in batches")


def print_comparison(found: Comparison, stream: TextIO | None = None) -> None:
    """Print the table to a stream, standard output by default."""
    target = stream or sys.stdout
    console = Console(file=target, width=None if target.isatty() else WIDEST, highlight=False)
    console.print(comparison_table(found))
    first = found.facts[0]
    console.print(
        f"encode, decode, start-up: times those of {first.name}, which has {first.encode_speed:.0f}"
        + ("" if first.decode_speed is None else f" and {first.decode_speed:.0f}")
        + f" times real time and starts in {first.start_s:.1f} s; length: samples by which decoded sound is off; "
        "in batches: share of codes that change in a padded batch",
        markup=False,
    )
    notes = [f"not measured: {name}: {reason}" for name, reason in found.not_measured.items()]
    for line in [*notes, *([] if found.report is None else coverage_notes(found.report))]:
        console.print(printable(line), markup=False)


def comparison_table(found: Comparison) -> Table:
    """Lay out the table: codecs in their order, then outside coders."""
    rows = {} if found.report is None else {row.coder: row for row in found.report.rows}
    scored = {name for row in rows.values() for name in row.scores}
    metrics = [name for name in METRICS if name in scored]
    table = Table(box=None, pad_edge=False)
    table.add_column("codec")
    pnmi = ["PNMI"] if found.probes else []
    for heading in ("kbit/s", "frames/s", *(COLUMNS[name].heading for name in metrics), *pnmi, *FACTS):
        table.add_column(heading, justify="right")
    for facts in found.facts:
        probe = found.probes.get(facts.name)
        known = [f"{probe.rows[0].information.pnmi:.3f}" if probe and probe.rows else "-"] if found.probes else []
        scores = _scores(rows.get(facts.name), metrics)
        table.add_row(
            printable(facts.name), f"{facts.kbps:.2f}", f"{facts.frame_rate_hz:g}", *scores, *known,
            *_relative(facts, found.facts[0]),
        )  # fmt: skip
    own = {facts.name for facts in found.facts}
    for row in (row for name, row in rows.items() if name not in own):
        rate = row.rates.nominal if row.rates.file is None else row.rates.file
        cells = [format_rate(rate), "-", *_scores(row, metrics), *["-" for _ in pnmi], *["-" for _ in FACTS]]
        table.add_row(printable(f"{row.coder} {row.setting}".strip()), *cells)
    return table


def _scores(row: Row | None, metrics: list[str]) -> list[str]:
    means = [math.nan if row is None or name not in row.scores else row.scores[name].mean for name in metrics]
    digits = [COLUMNS[name].digits for name in metrics]
    return ["-" if math.isnan(mean) else f"{mean:.{places}f}" for mean, places in zip(means, digits, strict=True)]


def _relative(facts: Facts, first: Facts) -> list[str]:
    """Format speeds and start-up beside the first codec's, then lengths and batches."""
    decode = "-"
    if facts.decode_speed is not None:
        decode = f"{facts.decode_speed / (first.decode_speed or facts.decode_speed):.2f}"
    length = "-" if facts.length_error is None else f"{facts.length_error} off" if facts.length_error else "exact"
    changes = f"{max(facts.batch_changes, 0.0001):.2%}" if facts.batch_changes else "none"
    return [
        f"{facts.encode_speed / first.encode_speed:.2f}",
        decode,
        f"{facts.start_s / first.start_s:.1f}",
        length,
        changes,
    ]
