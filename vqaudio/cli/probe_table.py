"""A probe report on the terminal: coverage, the headline among its controls, phones by class, further probes."""

import math
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from rich.console import Console
from rich.table import Table

from vqaudio.jobs.probe_report import ProbeReport
from vqaudio.probes.headline import BIASED_BELOW, REFUSED_BELOW, Headline

WIDEST = 130  # of a table, where the terminal does not say
COLUMNS = ("", "PNMI", "purity", "cluster", "V", "AMI", "held out", "speech", "R-value", "F1", "recall")
NOTES = (
    "purity: phone purity, the code -> phone mapping on the frames it was fitted on; held out: on other speakers; "
    "speech: without silence; R-value, F1, recall: boundaries within 20 ms"
)


def print_probe(report: ProbeReport, stream: TextIO | None = None) -> None:
    """Tables to a stream, standard output unless told otherwise."""
    target = stream or sys.stdout
    console = Console(file=target, width=None if target.isatty() else WIDEST, highlight=False)

    def say(lines: Iterable[str]) -> None:
        for line in lines:
            print(line, file=target)  # as it is: rich would break lines and expand the tabs

    say(_coverage(report))
    say(_gate(report))
    if report.rows:
        console.print(_headline_table(report))
        say([NOTES])
        say(_priors(report.rows[0]))
        say(_lags(report))
        console.print(_class_table(report))
    say(_rates(report))
    say(_further(report))
    if report.stability:
        console.print(_stability_table(report))
    if line := report.fairseq_line():
        say(["as fairseq's measure_teacher_quality.py prints it (ref: phones, hyp: codes):", line])
    say(report.notes)


def _coverage(report: ProbeReport) -> Iterator[str]:
    found = report.coverage
    yield f"codebook {report.codebook} of {report.stamp}; {len(report.labels)} labels of {report.label_set}"
    yield (
        f"{found.num_frames:,} labelled frames of {found.num_utterances:,} utterances, {found.num_speakers} speakers, "
        f"{found.seconds / 60:.1f} minutes; {found.num_unlabelled_frames:,} frames there have no label"
    )
    for reason, count in found.skipped.items():
        yield f"left out: {count:,} utterances ({reason}), such as {found.examples[reason][0]}"
    if found.skipped:
        yield f"left out in all: {found.num_skipped_frames:,} frames"
    yield f"mapping held out: {report.split}"


def _gate(report: ProbeReport) -> Iterator[str]:
    found = report.gate
    per_code = f"{found.num_frames / found.num_codes:.0f} labelled frames for each of {found.num_codes} codes"
    if found.is_biased:
        chance = f"{found.chance_pnmi:.3f} ({per_code}; sound: {BIASED_BELOW})"
        yield f"bias: codes that know nothing would have PNMI {chance}"
    if report.is_refused:
        yield f"headline refused: {per_code}, wanted {REFUSED_BELOW}; more labelled speech, or --accept-few-frames"
    elif report.is_gate_overridden:
        yield f"NOT A HEADLINE: {per_code}, wanted {REFUSED_BELOW}; shown because of --accept-few-frames"


def _headline_table(report: ProbeReport) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, heading in enumerate(COLUMNS):
        table.add_column(heading, justify="left" if not place else "right", no_wrap=True)
    for row in report.rows:
        found, edges = row.information, row.boundaries
        shares = (found.pnmi, found.phone_purity, found.cluster_purity, found.v_measure, found.ami)
        scores = (row.mapping.accuracy, row.mapping_speech.accuracy, edges.r_value, edges.f1, edges.recall)
        table.add_row(row.name, *(f"{value:.3f}" for value in (*shares, *scores)))
    return table


def _priors(row: Headline) -> Iterator[str]:
    yield (
        f"prior (the most frequent phone always): held out {row.mapping.prior:.3f}, "
        f"speech {row.mapping_speech.prior:.3f}; frames whose code was not fitted on: {row.mapping.num_unseen:,}"
    )


def _lags(report: ProbeReport) -> Iterator[str]:
    told = ", ".join(f"{lag:+d} {value:.3f}" for lag, value in report.lags.items())
    yield f"PNMI of codes read so many frames later: {told}"


def _class_table(report: ProbeReport) -> Table:
    table = Table("class", box=None, pad_edge=False)
    for heading in ("frames", "share", "recall", "precision", "codes"):
        table.add_column(heading, justify="right")
    for rows in report.classes.values():
        for row in rows:
            shares = (f"{row.share:.3f}", f"{row.recall:.3f}", f"{row.precision:.3f}")
            table.add_row(row.label, f"{row.num_frames:,}", *shares, str(row.num_codes))
        table.add_section()
    return table


def _rates(report: ProbeReport) -> Iterator[str]:
    rates, runs = report.bitrates, report.runs
    yield (
        f"bits a second: {rates.nominal_bps:.0f} nominal, {rates.unigram_bps:.0f} as ZeroSpeech counts, "
        f"{rates.merged_bps:.0f} with repeats merged"
    )
    yield (
        f"runs: {runs.mean_frames:.2f} frames in the mean, {runs.median_frames:.0f} in the median, "
        f"{runs.single_share:.0%} of one frame, {runs.runs_per_second:.1f} a second; a phone has "
        f"{report.phone_frames:.2f} frames"
    )


def _further(report: ProbeReport) -> Iterator[str]:
    for name, one in report.leakage.items():
        yield (
            f"speaker from {name}: {one.accuracy:.3f} of {one.num_utterances:,} utterances, chance {one.chance:.3f}, "
            f"{one.num_speakers} speakers ({one.num_left_out} utterances of others left out)"
        )
    for name, one in report.abx.items():
        size = f"{one.num_phone_pairs} pairs of phones, {one.num_triples:,} triples"
        yield f"ABX error, {name}: {one.error:.2%} over {size}"
    for name, one in report.linear.items():
        yield f"linear probe, {name}: {one.accuracy:.3f}, prior {one.prior:.3f}, {one.num_tested:,} frames tested"


def _stability_table(report: ProbeReport) -> Table:
    """Flips and edits, the codes beside the control."""
    kinds = list(next(iter(report.stability.values())))
    table = Table("changed sound", box=None, pad_edge=False)
    for kind in kinds:
        for heading in ("flips", "edits", "run edits"):
            table.add_column(f"{kind}: {heading}", justify="right")
    for change, scores in report.stability.items():
        shares = [
            "-" if math.isnan(value) else f"{value:.3f}"
            for kind in kinds
            for value in (scores[kind].flips, scores[kind].edit_distance, scores[kind].merged_edit_distance)
        ]
        table.add_row(change, *shares)
    first = report.stability[next(iter(report.stability))][kinds[0]]
    table.caption = f"shares of the frames (run edits: of the runs) of {first.num_utterances} utterances"
    table.caption_justify = "left"
    return table
