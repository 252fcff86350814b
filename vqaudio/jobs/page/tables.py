"""The page's tables: scores and codebook usage."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from vqaudio.jobs.evaluate.report import COLUMNS, Report
from vqaudio.jobs.evaluate.wording import format_rates, format_score, rate_columns


def table(
    caption: str, headings: Sequence[str], rows: Iterable[Sequence[str]], glossary: Mapping[str, str] | None = None
) -> str:
    """Write a table that scrolls by itself, by keyboard too; the first cell of each row is its heading.

    glossary: what the columns are, to be opened under the table.
    """
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="table"><p class="caption">{escape(caption)}</p>'
        + scroll_box(caption, f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
        + f"{_glossary(glossary or {})}</div>"
    )


def scroll_box(label: str, content: str) -> str:
    """Write a box that scrolls sideways; the page's script marks the edges behind which it goes on."""
    box = f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(label)}">{content}</div>'
    return f'<div class="wide">{box}</div>'


def _glossary(glossary: Mapping[str, str]) -> str:
    if not glossary:
        return ""
    rows = "".join(f"<dt>{escape(column)}</dt><dd>{escape(meaning)}</dd>" for column, meaning in glossary.items())
    return f'<details class="glossary"><summary>What the columns are</summary><dl>{rows}</dl></details>'


def notes_list(lines: Sequence[str]) -> str:
    """Write small print, one item a line; nothing for no lines."""
    return f'<ul class="notes">{"".join(f"<li>{escape(line)}</li>" for line in lines)}</ul>' if lines else ""


def score_table(report: Report) -> str:
    """Write rates and means of every row, with half of the 95 % intervals."""
    metrics = [name for name in COLUMNS if any(name in row.scores for row in report.rows)]
    rates = rate_columns(report.rows)
    headings = ["coder", *rates, *(COLUMNS[name].heading for name in metrics)]
    rows = (
        [
            f"{row.coder} {row.setting}",
            *format_rates(row, rates),
            *(format_score(row.scores.get(name), COLUMNS[name].digits) for name in metrics),
        ]
        for row in report.rows
    )
    caption = (
        f"{report.num_files} files, {report.seconds / 60:.1f} minutes; rates in kbit/s; "
        "means ± half of their 95 % bootstrap intervals"
    )
    return table(caption, headings, rows)


def codebook_table(report: Report) -> str:
    """Write usage, perplexity, entropy and the most frequent code of every codebook; nothing for none."""
    if not report.codebooks:
        return ""
    rows = (
        [
            f"{book.codec} #{book.codebook + 1}",
            f"{book.used:.1%}",
            f"{book.perplexity:.0f}",
            f"{book.entropy_bits:.2f}",
            f"{book.top_code:.1%}",
        ]
        for book in report.codebooks
    )
    caption = f"Codebooks over {report.codebooks[0].num_frames:,} frames; usage grows with their number"
    return table(caption, ["codebook", "used", "perplexity", "bits a frame", "top code"], rows)
