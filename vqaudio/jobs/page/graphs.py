"""The page's charts as inline `<svg>` elements."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vqaudio.jobs.evaluate.charts import PALETTE, draw_rate_panel, drawing, inline_svg, new_figure, rate_metrics
from vqaudio.jobs.evaluate.report import COLUMNS, Report
from vqaudio.jobs.page.training_log import Curve, TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CURVES = len(PALETTE)  # in one panel: more could not be distinguished


def rate_graphs(report: Report) -> list[str]:
    """Draw one panel per metric: quality against kbit/s."""
    graphs = []
    with drawing():
        for metric in rate_metrics(report):
            figure = new_figure()
            draw_rate_panel(figure.axes[0], report, metric)
            caption = f"{COLUMNS[metric].heading} against kbit/s; the table below has the figures"
            graphs.append(inline_svg(figure, f"rate-{metric}", caption))
    return graphs


def codebook_graphs(report: Report) -> list[str]:
    """Draw two panels for each codec: the share of each codebook that occurs, and its perplexity."""
    graphs = []
    with drawing():
        for codec in report.codecs:
            books = [book for book in report.codebooks if book.codec == codec]
            shares = {"used, %": [100 * book.used for book in books], "perplexity": [book.perplexity for book in books]}
            for panel, (title, heights) in enumerate(shares.items()):
                figure = new_figure()
                axes = figure.axes[0]
                axes.bar([str(book.codebook + 1) for book in books], heights, color=PALETTE[panel])
                axes.set_title(f"{codec}: {title}", fontsize="medium")
                axes.set_xlabel("codebook")
                name = f"books-{report.codecs.index(codec)}-{panel}"
                graphs.append(
                    inline_svg(figure, name, f"{title} of each codebook of {codec}; the table has the figures")
                )
    return graphs


def training_graphs(log: TrainingLog) -> list[str]:
    """Draw the training log in panels of at most six curves: losses of training steps, then of evaluations."""
    graphs = []
    with drawing():
        for event, curves in log.curves.items():
            names = list(curves)
            for first in range(0, len(names), MOST_CURVES):
                shown = {name: curves[name] for name in names[first : first + MOST_CURVES]}
                figure = new_figure()
                _draw_curves(figure.axes[0], shown, event)
                graphs.append(
                    inline_svg(figure, f"log-{event}-{first}", f"{event}: {', '.join(shown)} against the step")
                )
    return graphs


def _draw_curves(axes: "Axes", curves: Mapping[str, Curve], event: str) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        marker = "o" if event == "eval" or len(curve) == 1 else None
        axes.plot(list(curve), list(curve.values()), label=name, color=PALETTE[number], marker=marker, markersize=3)
    if event == "train" and min(min(curve.values()) for curve in curves.values()) > 0:
        axes.set_yscale("log")
    axes.set_title({"train": "training", "eval": "evaluation"}[event], fontsize="medium")
    axes.set_xlabel("step")
    axes.legend()
