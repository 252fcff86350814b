"""ABX discrimination of phones within and across speakers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.naming import output_names
from vqaudio.jobs.probe.corpus import ProbeCorpus
from vqaudio.jobs.probe.interface import Findings, Probe, ProbeInput, read_scores
from vqaudio.probes.abx import AbxScore, abx_score, item_frames
from vqaudio.probes.items import Item, items_of


def abx_items(corpus: ProbeCorpus) -> list[Item]:
    """List every phone between two phones, in the order of the utterances; `file` is the id."""
    silence = corpus.frames.labels.silence
    return [
        item
        for row_id, speaker in zip(corpus.frames.ids, corpus.frames.speakers, strict=True)
        for item in items_of(row_id, speaker, corpus.intervals[row_id], silence)
    ]


def items_by_stem(items: Sequence[Item]) -> list[Item]:
    """Name the files of items without their suffix, as files of features are named and as libri-light has them."""
    names = output_names(sorted({item.file for item in items}), "")
    return [replace(item, file=names[item.file]) for item in items]


def measure(given: ProbeInput) -> Findings:
    """Measure within and across speakers, every kind of codes and vectors."""
    corpus, frames = given.corpus, given.corpus.frames
    lengths = dict(zip(frames.ids, np.diff(frames.starts).tolist(), strict=True))
    # An aligner's last phone may lie in the last frame's rounding: what begins there has no frame.
    items = [item for item in abx_items(corpus) if item.onset_s * frames.frame_rate_hz + 1 < lengths[item.file]]
    findings: dict[str, AbxScore] = {}
    for name, flat in given.values.items():
        parts = dict(zip(frames.ids, np.split(flat, frames.starts[1:-1]), strict=True))
        tokens = [item_frames(parts[item.file], item, corpus.grid) for item in items]
        for is_across, condition in ((False, "within"), (True, "across")):
            try:
                findings[f"{name}, {condition} speakers"] = abx_score(tokens, items, is_across=is_across)
            except VqaudioError as error:
                given.notes.append(f"no ABX of {name} {condition} speakers: {error}")
    return findings


def lines(findings: Findings) -> Iterator[str]:
    """Format the error rates and their coverage."""
    for name, score in findings.items():
        size = f"{score.num_phone_pairs} pairs of phones, {score.num_triples:,} triples"
        yield f"ABX error, {name}: {score.error:.2%} over {size}"


PROBE = Probe("abx", "ABX discrimination of phones", measure, read_scores(AbxScore), lines)
