"""The pictures of a probe report, as PNG files."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.audio.files import read_audio
from vqaudio.core.durable import replace_durably
from vqaudio.jobs.probe.corpus import ProbeCorpus
from vqaudio.jobs.probe.report import ProbeReport
from vqaudio.probes import plots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PLOTS = HEAT_MAP, CONFUSIONS, BITRATE, TIMELINE = (
    "phone_given_code.png",
    "class_confusion.png",
    "pnmi_bitrate.png",
    "timeline.png",
)
MAX_TIMELINE_S = 5.0  # the utterance drawn is the longest that is not longer


def undrawn_plots(report: ProbeReport, audio: Path | None) -> dict[str, str]:
    """List the pictures that cannot be drawn, each with its reason."""
    if not report.rows:
        return dict.fromkeys(PLOTS, "the headline was refused")
    if find_spec("matplotlib") is None:
        return dict.fromkeys(PLOTS, "it needs matplotlib: pip install 'vqaudio[plots]'")
    return {} if audio else {TIMELINE: "it needs --audio, the folder of the recordings"}


def write_plots(folder: Path, report: ProbeReport, corpus: ProbeCorpus, audio: Path | None) -> list[Path]:
    """Draw heat map, confusions, PNMI against bitrate, and with the recordings a timeline of one utterance.

    Those of `undrawn_plots` are left out; what an earlier probe drew there and this one does not is removed.
    Raises VqaudioError if a file cannot be written.
    """
    for name in PLOTS:
        (folder / name).unlink(missing_ok=True)
    undrawn = undrawn_plots(report, audio)
    draw: dict[str, Callable[[], Figure]] = {
        HEAT_MAP: lambda: plots.phone_given_code(report.counts, report.labels),
        CONFUSIONS: lambda: plots.class_confusions(report.counts, report.labels),
        BITRATE: lambda: bitrate_plot(report),
        TIMELINE: lambda: _timeline(corpus, audio or Path()),
    }
    figures = {name: make() for name, make in draw.items() if name not in undrawn}
    for name, figure in figures.items():
        replace_durably(folder / name, lambda path, figure=figure: figure.savefig(path, format="png"))
    return [folder / name for name in figures]


def bitrate_plot(report: ProbeReport) -> "Figure":
    """Draw the PNMI of the codes and their controls against bits a second, beside what was published."""
    share = 1.0 if report.stamp.segments is None else 1 / report.runs.mean_frames  # of the frames, those that are kept
    points = {row.name: (share * report.bitrates.nominal_bps, row.information.pnmi) for row in report.rows}
    return plots.pnmi_against_bitrate(points)


def _timeline(corpus: ProbeCorpus, audio: Path) -> "Figure":
    frames, codes = corpus.frames, corpus.frames.codes_by_utterance()
    longest = int(MAX_TIMELINE_S * frames.frame_rate_hz)
    short_enough = [number for number, utterance_codes in enumerate(codes) if len(utterance_codes) <= longest]
    if short_enough:
        number = max(short_enough, key=lambda candidate: len(codes[candidate]))
    else:
        number = min(range(len(codes)), key=lambda candidate: len(codes[candidate]))
    row_id, rate_hz = frames.ids[number], corpus.grid.sample_rate_hz
    samples = read_audio(audio / row_id, rate_hz)
    return plots.code_timeline(samples, rate_hz, codes[number], frames.frame_rate_hz, corpus.intervals[row_id])
