"""The page's charts as inline `<svg>` elements."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from textwrap import fill
from typing import TYPE_CHECKING

from vqaudio.jobs.evaluate.charts import PALETTE, draw_rate_panel, drawing, inline_svg, new_figure, rate_metrics
from vqaudio.jobs.evaluate.report import COLUMNS, Report
from vqaudio.jobs.page.training_log import Curve, TrainingLog

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_INCHES, HEIGHT_INCHES = 3.75, 2.9  # 22.5rem, which page.css gives each chart: so all letters are of one size
LEGEND_LINE_INCHES = 0.22
MOST_TITLE_LETTERS = 36  # in a line
MOST_CURVES = len(PALETTE)  # in one panel: more could not be distinguished


@contextmanager
def page_drawing() -> Iterator[None]:
    """Apply the style of the page's charts.  Raises VqaudioError if matplotlib is missing."""
    with drawing():
        import matplotlib

        matplotlib.rcParams.update({"font.size": 9.5, "legend.fontsize": "medium", "axes.titlesize": "medium"})
        yield


def page_sized(figure: "Figure", num_columns: int = 1, fewest_labels: int = 2) -> "Figure":
    """Give a figure the width of the page's charts, with a legend under it.

    fewest_labels: no legend for fewer.
    """
    (axes,) = figure.axes
    handles, labels = axes.get_legend_handles_labels()
    if (legend := axes.get_legend()) is not None:
        legend.remove()
    num_lines = -(-len(labels) // num_columns) if len(labels) >= fewest_labels else 0
    if num_lines:
        figure.legend(handles, labels, loc="outside lower left", ncols=num_columns)
    for note in axes.texts:
        note.set_fontsize("small")
    axes.set_title(fill(axes.get_title(), MOST_TITLE_LETTERS), fontsize="medium")
    figure.set_size_inches(WIDTH_INCHES, HEIGHT_INCHES + LEGEND_LINE_INCHES * num_lines)
    return figure


def rate_graphs(report: Report) -> list[str]:
    """Draw one panel per metric: quality against kbit/s."""
    graphs = []
    with page_drawing():
        for metric in rate_metrics(report):
            figure = new_figure()
            draw_rate_panel(figure.axes[0], report, metric)
            page_sized(figure)
            caption = f"{COLUMNS[metric].heading} against kbit/s; the table below has the figures"
            graphs.append(inline_svg(figure, f"rate-{metric}", caption))
    return graphs


def codebook_graphs(report: Report) -> list[str]:
    """Draw two panels for each codec of several codebooks: the share of each that occurs, and its perplexity."""
    graphs = []
    with page_drawing():
        for codec in report.codecs:
            books = [book for book in report.codebooks if book.codec == codec]
            if len(books) < 2:
                continue  # one bar says nothing that the table does not
            shares = {"used, %": [100 * book.used for book in books], "perplexity": [book.perplexity for book in books]}
            for panel, (title, heights) in enumerate(shares.items()):
                figure = new_figure()
                axes = figure.axes[0]
                axes.bar([str(book.codebook + 1) for book in books], heights, color=PALETTE[panel])
                axes.set_title(f"{codec}: {title}", fontsize="medium")
                axes.set_xlabel("codebook")
                page_sized(figure)
                name = f"books-{report.codecs.index(codec)}-{panel}"
                graphs.append(
                    inline_svg(figure, name, f"{title} of each codebook of {codec}; the table has the figures")
                )
    return graphs


def training_graphs(log: TrainingLog) -> list[str]:
    """Draw the training log in panels of at most six curves: losses of training steps, then of evaluations, then the
    learning rate by itself.
    """
    graphs = []
    with page_drawing():
        for event, curves in log.curves.items():
            names = list(curves)
            for first in range(0, len(names), MOST_CURVES):
                shown = {name: curves[name] for name in names[first : first + MOST_CURVES]}
                figure = new_figure()
                _draw_curves(figure.axes[0], shown, event)
                page_sized(figure, num_columns=2, fewest_labels=1)
                graphs.append(
                    inline_svg(figure, f"log-{event}-{first}", f"{event}: {', '.join(shown)} against the step")
                )
        if log.learning_rate:
            figure = new_figure()
            _draw_curves(figure.axes[0], {"learning_rate": log.learning_rate}, "learning_rate")
            graphs.append(inline_svg(page_sized(figure), "log-learning-rate", "learning rate against the step"))
    return graphs


def _draw_curves(axes: "Axes", curves: Mapping[str, Curve], event: str) -> None:
    for number, (name, curve) in enumerate(curves.items()):
        marker = "o" if event == "eval" or len(curve) == 1 else None
        axes.plot(list(curve), list(curve.values()), label=name, color=PALETTE[number], marker=marker, markersize=3)
    if event == "train" and min(min(curve.values()) for curve in curves.values()) > 0:
        axes.set_yscale("log")
        _write_plain_powers(axes)
    axes.set_title({"train": "training", "eval": "evaluation", "learning_rate": "learning rate"}[event])
    axes.set_xlabel("step")
    axes.locator_params(axis="x", nbins=5)
    axes.legend()


def _write_plain_powers(axes: "Axes") -> None:
    """Write a logarithmic axis as 0.1, 1, 10: powers are set letter by letter, at places that fit one font only."""
    from matplotlib.ticker import LogFormatter

    class Plain(LogFormatter):
        def __call__(self, x: float, pos: int | None = None) -> str:
            return f"{x:g}" if super().__call__(x, pos) else ""

    axes.yaxis.set_major_formatter(Plain())
    axes.yaxis.set_minor_formatter(Plain())
