"""Charts by matplotlib (extra `plots`): drawn once, for files on white and for a page that is light or dark.

Nothing here touches matplotlib's global state: figures are made without pyplot, settings hold while one is drawn.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqaudio.core.durable import make_folder, replace_file
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.report import COLUMNS, Report, Row
from vqaudio.metrics.pair import METRICS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RATE_METRICS = tuple(name for name, metric in METRICS.items() if metric.has_plot)
INK = "#1f2328"
# Source: Okabe and Ito 2008, "Color Universal Design": distinct to nearly every eye.
PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "D", "^", "v", "P")
PANEL_INCHES = (4.6, 3.4)
SETTINGS: dict[Any, Any] = {
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "legend.frameon": False,
    "legend.fontsize": "small",
    "svg.fonttype": "none",  # text stays text: it can be read out, searched and scaled
    "svg.hashsalt": "vqaudio",  # the same chart is the same file
}


class Point(NamedTuple):
    """A point of a panel, for one row of the table: kbit/s, the mean, and its interval."""

    label: str
    kbps: float
    mean: float
    low: float
    high: float


@contextmanager
def drawing() -> Iterator[None]:
    """Apply the project's style while a figure is made and saved.  Raises VqaudioError if matplotlib is missing."""
    try:
        import matplotlib
        from matplotlib.rcsetup import cycler
    except ImportError as error:
        raise VqaudioError("plots need the package matplotlib: pip install 'vqaudio[plots]'") from error
    with matplotlib.rc_context():
        matplotlib.rcParams.update({**SETTINGS, "axes.prop_cycle": cycler(color=PALETTE)})
        yield


def new_figure(num_columns: int = 1, num_rows: int = 1) -> Figure:
    """Make a figure of empty panels, without pyplot."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(PANEL_INCHES[0] * num_columns, PANEL_INCHES[1] * num_rows), layout="constrained")
    figure.subplots(num_rows, num_columns, squeeze=False)
    return figure


def real_kbps(row: Row) -> float | None:
    """Choose the rate that a row is drawn at: bits on disk where a file was written, log2(v) a code otherwise."""
    return row.rates.file if row.rates.file is not None else row.rates.nominal


def rate_points(report: Report, metric: str) -> dict[str, list[Point]]:
    """Collect the points of every codec, in order of rate; rows without a rate or without a score have none."""
    points: dict[str, list[Point]] = {}
    for row in report.rows:
        score, kbps = row.scores.get(metric), real_kbps(row)
        if score is not None and kbps and math.isfinite(score.mean):
            point = Point(row.setting, kbps, score.mean, score.low, score.high)
            points.setdefault(row.coder, []).append(point)
    return {coder: sorted(curve, key=lambda point: point.kbps) for coder, curve in points.items()}


def draw_rate_panel(axes: Axes, report: Report, metric: str, *, has_legend: bool = True) -> None:
    """Draw codecs as curves with 95 % intervals, all others as points with their settings beside them."""
    coders = list(dict.fromkeys(row.coder for row in report.rows))
    for coder, points in rate_points(report, metric).items():
        number = coders.index(coder)
        rates, means = [point.kbps for point in points], [point.mean for point in points]
        spread = [[p.mean - p.low for p in points], [p.high - p.mean for p in points]]
        is_curve = coder in report.codecs
        style = {"color": PALETTE[number % len(PALETTE)], "marker": MARKERS[number % len(MARKERS)], "capsize": 2}
        axes.errorbar(
            rates,
            means,
            spread,
            label=coder,
            linestyle="-" if is_curve else "none",
            markersize=5,
            elinewidth=1,
            **style,
        )
        for point in () if is_curve else points:
            place_at = {"xytext": (5, 3), "textcoords": "offset points", "fontsize": "x-small"}
            axes.annotate(point.label, (point.kbps, point.mean), **place_at)
    heading = COLUMNS[metric].heading
    axes.set_title(heading if METRICS[metric].better == "higher" else f"{heading} (lower is better)", fontsize="medium")
    axes.set_xlabel("kbit/s")
    _mark_octaves(axes, [kbps for row in report.rows if (kbps := real_kbps(row))])
    if has_legend:
        axes.legend()


def _mark_octaves(axes: Axes, rates: Sequence[float]) -> None:
    """Set a logarithmic axis with ticks at powers of two, written as people write rates."""
    if not rates:
        return
    first, last = math.floor(math.log2(min(rates))), math.ceil(math.log2(max(rates)))
    ticks = [2.0**power for power in range(first, last + 1)]
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def rate_metrics(report: Report) -> tuple[str, ...]:
    """List the metrics that have a panel in this report."""
    return tuple(metric for metric in RATE_METRICS if rate_points(report, metric))


def write_rate_distortion(report: Report, folder: Path) -> list[Path]:
    """Write `rate_distortion.png` and `.svg`, one panel per metric.  Returns their paths.

    Raises VqaudioError if matplotlib is missing, the folder cannot be written or nothing has both rate and score.
    """
    metrics = rate_metrics(report)
    if not metrics:
        raise VqaudioError(f"no row has a rate and one of {', '.join(RATE_METRICS)}; there is nothing to plot")
    num_columns = min(2, len(metrics))
    paths = [folder / f"rate_distortion.{suffix}" for suffix in ("png", "svg")]
    with drawing():
        figure = new_figure(num_columns, -(-len(metrics) // num_columns))
        for number, axes in enumerate(figure.axes):
            if number < len(metrics):
                draw_rate_panel(axes, report, metrics[number], has_legend=number == 0)
            else:
                axes.set_axis_off()
        make_folder(folder)
        for path in paths:
            form: dict[str, Any] = {"format": path.suffix[1:], "dpi": 150}
            form |= {"metadata": {"Date": None}} if path.suffix == ".svg" else {}
            replace_file(path, lambda temporary, form=form: figure.savefig(temporary, **form))
    return paths


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """Render a figure as an `<svg>` element for a page; ink follows the page's colour, series its variables.

    name: makes the ids unique among the page's charts.  To be called inside `drawing`.
    """
    from html import escape

    written = io.StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    svg = written.getvalue()[written.getvalue().index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)  # text has the font of the page around it
    svg = re.sub(r"font: (?:[\w ]+ )?([\d.]+px) [^;\"]*", r"font-size: \1", svg)  # as matplotlib 3.9 writes it
    svg = svg.replace(INK, "currentColor")
    for number, colour in enumerate(PALETTE, start=1):
        svg = svg.replace(colour, f"var(--series-{number})")
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
