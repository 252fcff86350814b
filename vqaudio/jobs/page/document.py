"""The whole page: facts about the codec, then what it sounds like, what was measured, how it came to be."""

from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

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
        codec, articles = self.codec, []
        for utterance in self.listening.utterances:
            articles.append(utterance_article(utterance, self.report, codec.name, codec.grid))
        return Template(frame).substitute(
            title=escape(codec.name),
            facts=_facts(codec),
            style=style,
            script=script,
            source=escape(self.source),
            utterances="".join(articles),
            unheard=notes_list(
                [f"{entry['id']} {entry['coder']}: {entry['reason']}" for entry in self.listening.failures]
            ),
            rate_graphs=_graphs(rate_graphs(self.report)),
            scores=score_table(self.report),
            coverage=notes_list(coverage_notes(self.report)),
            codebook_graphs=_graphs(codebook_graphs(self.report)),
            codebooks=codebook_table(self.report),
            phones=probe_section(self.probe),
            training=_training(self.training),
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


def _graphs(graphs: list[str]) -> str:
    return f'<div class="graphs">{"".join(f"<figure>{graph}</figure>" for graph in graphs)}</div>' if graphs else ""


def _training(log: TrainingLog | None) -> str:
    if log is None:
        return "<p>No training log was given (<code>--training log.jsonl</code>).</p>"
    broken = [f"lines of the log that could not be read: {log.num_broken}"] if log.num_broken else []
    return _graphs(training_graphs(log)) + notes_list(broken)
