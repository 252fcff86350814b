"""The figures of a probe in words, the same on the terminal and on a page."""

from collections.abc import Iterator, Mapping

from vqaudio.jobs.probe.interface import ProbeTable, format_share
from vqaudio.jobs.probe.registry import PROBES
from vqaudio.jobs.probe.report import ProbeReport
from vqaudio.probes.headline import BIASED_BELOW, REFUSED_BELOW, Headline
from vqaudio.probes.tables import PhoneRow

HEADLINE_GLOSSARY = {
    "PNMI": "share of the phones' entropy that the codes tell (Hsu et al. 2021), 0 to 1; grows with few frames a code",
    "purity": "phone purity: frames whose phone is the most frequent one of their code, on the frames counted",
    "cluster": "cluster purity: frames whose code is the most frequent one of their phone; falls with more codes",
    "V": "V-measure: harmonic mean of homogeneity and completeness of the codes",
    "AMI": "adjusted mutual information: 0 is chance, so few frames a code do not raise it",
    "held out": "frames read as the right phone by a code -> phone mapping that was fitted on other speakers",
    "speech": "the same without silence",
    "R-value": "changes of code as phone boundaries, within 20 ms: 1 is best, too many of them make it negative",
    "F1": "harmonic mean of precision and recall of those boundaries",
    "precision": "changes of code that a phone boundary is within 20 ms of",
    "recall": "phone boundaries that a change of code is within 20 ms of",
}
HEADLINE_COLUMNS = tuple(HEADLINE_GLOSSARY)
HEADLINE_NOTE = (
    "purity: phone purity, the code -> phone mapping on the frames it was fitted on; held out: on other speakers; "
    "speech: without silence; R-value, F1, precision, recall: boundaries within 20 ms"
)
CLASS_GLOSSARY = {
    "frames": "labelled frames of the class",
    "share": "of all labelled frames",
    "recall": "of the class's frames, those whose code stands for it",
    "precision": "of the frames whose code stands for the class, those that are of it",
    "codes": "codes that stand for the class: it is the most frequent one of their frames",
}
CLASS_COLUMNS = tuple(CLASS_GLOSSARY)


def headline_cells(row: Headline) -> list[str]:
    """Format the figures of one row, one for each of HEADLINE_COLUMNS."""
    information, edges = row.information, row.boundaries
    shares = (
        information.pnmi,
        information.phone_purity,
        information.cluster_purity,
        information.v_measure,
        information.ami,
    )
    scores = (row.mapping.accuracy, row.mapping_speech.accuracy, edges.r_value, edges.f1)
    return [format_share(value) for value in (*shares, *scores, edges.precision, edges.recall)]


def class_cells(row: PhoneRow) -> list[str]:
    """Format the figures of one class of phones, one for each of CLASS_COLUMNS."""
    return [f"{row.num_frames:,}", *map(format_share, (row.share, row.recall, row.precision)), str(row.num_codes)]


def coverage_lines(report: ProbeReport) -> Iterator[str]:
    """Format what was probed, and what was left out and why."""
    coverage = report.coverage
    yield f"codebook {report.codebook} of {report.stamp}; {len(report.labels)} labels of {report.label_set}"
    yield (
        f"{coverage.num_frames:,} labelled frames of {coverage.num_utterances:,} utterances, "
        f"{coverage.num_speakers} speakers, {coverage.seconds / 60:.1f} minutes; "
        f"{coverage.num_unlabelled_frames:,} frames there have no label"
    )
    for reason, count in coverage.skipped.items():
        yield f"left out: {count:,} utterances ({reason}), such as {coverage.examples[reason][0]}"
    if coverage.skipped:
        yield f"left out in all: {coverage.num_skipped_frames:,} frames"
    yield f"mapping held out: {report.split}"


def gate_lines(report: ProbeReport) -> Iterator[str]:
    """Format the PNMI of chance alone, and whether there is a headline."""
    gate = report.gate
    per_code = f"{gate.num_frames / gate.num_codes:.0f} labelled frames for each of {gate.num_codes} codes"
    if gate.is_biased:
        chance = f"{gate.chance_pnmi:.3f} ({per_code}; sound: {BIASED_BELOW})"
        yield f"bias: codes that know nothing would have PNMI {chance}"
    if report.is_refused:
        yield f"headline refused: {per_code}, wanted {REFUSED_BELOW}; more labelled speech, or --accept-few-frames"
    elif report.is_gate_overridden:
        yield f"NOT A HEADLINE: {per_code}, wanted {REFUSED_BELOW}; shown because of --accept-few-frames"


def prior_lines(report: ProbeReport) -> Iterator[str]:
    """Format the figures of the prior and of lagged codes; nothing where the headline was refused."""
    if not report.rows:
        return
    row = report.rows[0]
    yield (
        f"prior (the most frequent phone always): held out {row.mapping.prior:.3f}, "
        f"speech {row.mapping_speech.prior:.3f}; frames whose code was not fitted on: {row.mapping.num_unseen:,}"
    )
    lags = ", ".join(f"{lag:+d} {value:.3f}" for lag, value in report.lags.items())
    yield f"PNMI of codes read so many frames later: {lags}"


def rate_lines(report: ProbeReport) -> Iterator[str]:
    """Format bitrates and run lengths of the codes."""
    rates, runs = report.bitrates, report.runs
    if report.stamp.segments is not None:
        yield (
            f"segments: {runs.runs_per_second:.1f} a second, {rates.merged_bps:.0f} bits a second as ZeroSpeech counts "
            f"them, {rates.timed_bps:.0f} with their durations"
        )
    yield (
        f"bits a second: {rates.nominal_bps:.0f} nominal, {rates.unigram_bps:.0f} as ZeroSpeech counts, "
        f"{rates.merged_bps:.0f} with repeats merged"
    )
    yield (
        f"runs: {runs.mean_frames:.2f} frames in the mean, {runs.median_frames:.0f} in the median, "
        f"{runs.single_share:.0%} of one frame, {runs.runs_per_second:.1f} a second; a phone has "
        f"{report.phone_frames:.2f} frames"
    )


def further_lines(report: ProbeReport) -> Iterator[str]:
    """Format the findings of the further probes, as far as they were asked for."""
    for name, findings in report.further.items():
        yield from PROBES[name].lines(findings)


def glossary_lines(glossary: Mapping[str, str]) -> Iterator[str]:
    """Say what each column of a table is."""
    width = max(map(len, glossary))
    for column, meaning in glossary.items():
        yield f"{column:<{width}}  {meaning}"


def further_tables(report: ProbeReport) -> Iterator[ProbeTable]:
    """Make the tables of the further probes that have one."""
    for name, findings in report.further.items():
        make = PROBES[name].table
        if make is not None and findings:
            yield make(findings)
