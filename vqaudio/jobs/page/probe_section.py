"""The page's section on codes and phones: the findings and the pictures of `vqaudio probe`, on the page."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.charts import inline_svg
from vqaudio.jobs.page.graphs import page_drawing, page_sized
from vqaudio.jobs.page.media import data_uri
from vqaudio.jobs.page.tables import notes_list, scroll_box, table
from vqaudio.jobs.probe import wording
from vqaudio.jobs.probe.pictures import CONFUSIONS, HEAT_MAP, TIMELINE, bitrate_plot
from vqaudio.jobs.probe.report import ProbeReport, read_probe_report

REPORT_FILE = "probe.json"
PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"
PIXELS_AN_INCH, PAGE_PIXELS_AN_INCH = 150, 100  # of the pictures, and as large as they are shown


@dataclass(frozen=True, eq=False)
class ProbeFindings:
    """The findings of a probe for the page.

    pictures: PNG files by the names that `vqaudio probe` gives them, as far as it made them."""

    report: ProbeReport
    pictures: dict[str, bytes] = field(default_factory=dict)


def read_findings(path: Path) -> ProbeFindings:
    """Read the folder that `vqaudio probe --out` made, with its pictures, or only the JSON that `vqaudio probe` writes.

    Raises VqaudioError if it is something else.
    """
    if not path.is_dir():
        return ProbeFindings(read_probe_report(path))
    report, pictures = read_probe_report(path / REPORT_FILE), {}
    for name in (HEAT_MAP, CONFUSIONS, TIMELINE) if report.rows else ():
        if not (path / name).is_file():
            continue
        try:
            pictures[name] = (path / name).read_bytes()
        except OSError as error:
            raise VqaudioError(f"{path / name} cannot be read: {error.strerror}") from None
        if not pictures[name].startswith(PNG_BEGINNING):
            raise VqaudioError(f"{path / name} is no PNG picture; run `vqaudio probe --out {path}` again")
    return ProbeFindings(report, pictures)


def probe_section(findings: ProbeFindings) -> str:
    """Write coverage, the headline among its controls, the pictures, phones by class, and what else was probed."""
    report = findings.report
    before = notes_list([*wording.coverage_lines(report), *wording.gate_lines(report)])
    after = [*wording.prior_lines(report), *wording.rate_lines(report), *wording.further_lines(report), *report.notes]
    return (
        before
        + _headline(report)
        + "".join(_figures(findings))
        + _classes(report)
        + _further(report)
        + notes_list(after)
    )


def _headline(report: ProbeReport) -> str:
    if not report.rows:
        return ""
    rows = ([row.name, *wording.headline_cells(row)] for row in report.rows)
    return table(
        f"Codes and their controls; {wording.HEADLINE_NOTE}",
        ["", *wording.HEADLINE_COLUMNS],
        rows,
        wording.HEADLINE_GLOSSARY,
    )


def _classes(report: ProbeReport) -> str:
    caption = "Phones by {}: of the frames of a class, those whose code stands for it are its recall"
    tables = (
        table(
            caption.format(kind),
            [kind, *wording.CLASS_COLUMNS],
            ([row.label, *wording.class_cells(row)] for row in rows),
            wording.CLASS_GLOSSARY,
        )
        for kind, rows in report.classes.items()
    )
    return "".join(tables)


def _further(report: ProbeReport) -> str:
    return "".join(
        table(
            f"{further.first.capitalize()}; {further.caption}", ["", *further.columns], further.rows, further.glossary
        )
        for further in wording.further_tables(report)
    )


def _figures(findings: ProbeFindings) -> Iterator[str]:
    report = findings.report
    if not report.rows:
        return
    scores = report.rows[0].information
    with page_drawing():
        chart = inline_svg(page_sized(bitrate_plot(report)), "pnmi", f"PNMI against bits a second: {_points(report)}")
    yield f'<div class="graphs"><figure>{chart}</figure></div>'
    captions = {
        HEAT_MAP: f"P(phone | code): {len(report.labels)} phones by manner and place, codes by their most likely "
        f"phone; phone purity {scores.phone_purity:.3f}",
        CONFUSIONS: "Confusion by manner and by place, in percent of a row's frames; the tables below have the recalls",
        TIMELINE: "Spectrogram of one recording with its phones, and its codes under it",
    }
    for name, picture in findings.pictures.items():
        yield _picture(picture, captions[name])


def _points(report: ProbeReport) -> str:
    points = (f"{row.name} {row.information.pnmi:.3f}" for row in report.rows)
    return f"{', '.join(points)} at {report.bitrates.nominal_bps:.0f}; published points beside them"


def _picture(content: bytes, caption: str) -> str:
    """Write one picture, as wide as its letters can be read; it scrolls by itself, by keyboard too."""
    width = (
        int.from_bytes(content[16:20], "big") * PAGE_PIXELS_AN_INCH // PIXELS_AN_INCH
    )  # PNG: the IHDR chunk is first
    image = f'<img style="width:{width}px" src="{data_uri("image/png", content)}" alt="{escape(caption)}">'
    return f'<figure class="plot">{scroll_box(caption, image)}<figcaption>{escape(caption)}</figcaption></figure>'
