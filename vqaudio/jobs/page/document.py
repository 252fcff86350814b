"""The whole page: facts about the codec, then what it sounds like, what was measured, how it came to be."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.jobs.evaluate.report import Report
from vqaudio.jobs.evaluate.wording import coverage_notes
from vqaudio.jobs.page.graphs import codebook_graphs, rate_graphs, training_graphs
from vqaudio.jobs.page.listening import Listening
from vqaudio.jobs.page.players import utterance_article
from vqaudio.jobs.page.probe_section import ProbeFindings, probe_section
from vqaudio.jobs.page.tables import codebook_table, notes_list, score_table
from vqaudio.jobs.page.training_log import TrainingLog

RATES = (
    "Codecs are curves, with the 95 % intervals of their means; other coders are points with their setting. "
    "Rates: file on disk where a program wrote one, log2 of the codebook's size a code otherwise."
)
SWITCHING = (
    "While a version plays, press the button of another one, or its number on the keyboard: it goes on at the same "
    "place. <kbd>x</kbd> goes back and forth between the last two."
)


class Section(NamedTuple):
    """A section of the page.  link: its name among the links.  content: HTML, empty for none."""

    id: str
    link: str
    title: str
    content: str


@dataclass(frozen=True)
class Page:
    """The contents of one page.  source: which files the report was measured on, in words."""

    codec: AudioTokenizer
    listening: Listening
    report: Report
    source: str
    training: TrainingLog | None = None
    probe: ProbeFindings | None = None

    def render(self) -> str:
        """Render the HTML page: styles, script, sound and pictures are inside."""
        folder = files("vqaudio.jobs.page")
        style, script, frame = (
            folder.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js", "page.html")
        )
        sections = [section for section in _sections(self) if section.content]
        return Template(frame).substitute(
            title=escape(self.codec.name),
            facts=_facts(self.codec),
            style=style,
            script=script,
            links=" ".join(f'<a href="#{section.id}">{section.link}</a>' for section in sections),
            sections="\n".join(
                f'<section id="{section.id}"><h2>{section.title}</h2>\n{section.content}\n</section>'
                for section in sections
            ),
            absent=notes_list(_absent(self)),
        )


def write_page(page: Page, path: Path) -> int:
    """Write the page, whole or not at all.  Returns its bytes.  Raises VqaudioError if it cannot be written."""
    content = page.render().encode("utf-8")
    make_folder(path.parent)
    replace_durably(path, lambda temporary: temporary.write_bytes(content))
    return len(content)


def _facts(codec: AudioTokenizer) -> str:
    facts = {
        "sample rate": f"{codec.grid.sample_rate_hz:,} Hz",
        "frames": f"{codec.grid.frame_rate_hz:g} a second",
        "codebooks": f"{codec.num_codebooks} of {codec.codebook_size:,} codes",
        "weights": f"SHA-256 {codec.weights_sha256[:16]}",
    }
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())


def _sections(page: Page) -> Iterator[Section]:
    """Make the sections in the order of the page; those without content are left out of it."""
    report, source = page.report, f"<p>{escape(page.source)}</p>"
    yield Section("listen", "Listen", "Listen", _listening(page))
    graphs = _graphs(rate_graphs(report))
    yield Section("rates", "Rate and quality", "Rate and quality", f"<p>{RATES}</p>{graphs}" if graphs else "")
    scores = score_table(report) + notes_list(coverage_notes(report))
    yield Section("measured", "Measured", "Measured", source + scores)
    codebooks = _graphs(codebook_graphs(report)) + codebook_table(report)
    yield Section("codebooks", "Codebooks", "Codebooks", codebooks)
    yield Section("phones", "Phones", "Codes and phones", probe_section(page.probe) if page.probe else "")
    yield Section("training", "Training", "Training", _training(page.training) if page.training else "")


def _absent(page: Page) -> list[str]:
    """Say what a page may have and this one has not."""
    absent = []
    if page.probe is None:
        absent.append("Not on this page: codes and phones (--probe DIR, which vqaudio probe --out DIR writes).")
    if page.training is None:
        absent.append("Not on this page: the training (--training log.jsonl).")
    return absent


def _listening(page: Page) -> str:
    codec, heard = page.codec, page.listening
    articles = (utterance_article(utterance, page.report, codec.name, codec.grid) for utterance in heard.utterances)
    unheard = [f"{entry['id']} {entry['coder']}: {entry['reason']}" for entry in heard.failures]
    return f'<p class="hint">{SWITCHING}</p>{"".join(articles)}{notes_list(unheard)}'


def _graphs(graphs: list[str]) -> str:
    return f'<div class="graphs">{"".join(f"<figure>{graph}</figure>" for graph in graphs)}</div>' if graphs else ""


def _training(log: TrainingLog) -> str:
    broken = [f"lines of the log that could not be read: {log.num_broken}"] if log.num_broken else []
    return _graphs(training_graphs(log)) + notes_list(broken)
