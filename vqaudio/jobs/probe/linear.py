"""A linear probe of phones, on single frames and on windows of them."""

from collections.abc import Iterator

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.interface import Findings, Probe, ProbeInput, read_scores
from vqaudio.probes.counts import UNLABELLED
from vqaudio.probes.linear import LinearOptions, LinearScore, linear_probe

WINDOW_FRAMES = 5  # on either side, of the windowed probe


def measure(given: ProbeInput) -> Findings:
    """Measure every kind of codes and vectors, alone and with their neighbours; of folds the first is tested."""
    frames, split = given.corpus.frames, given.split
    groups = split.groups[frames.utterance_of_frame]
    phones = np.where(groups < 0, UNLABELLED, frames.phones)
    is_tested = groups == (split.tested or (0,))[0]
    findings = {}
    for name, flat in given.values.items():
        for radius in (0, WINDOW_FRAMES):
            window = "1 frame" if not radius else f"{2 * radius + 1} frames"
            options = LinearOptions(radius_frames=radius, seed=given.seed)
            try:
                findings[f"{name}, {window}"] = linear_probe(flat, phones, frames.starts, is_tested, options)
            except VqaudioError as error:
                given.notes.append(f"no linear probe of {name}: {error}")
    return findings


def lines(findings: Findings) -> Iterator[str]:
    """Format the accuracies beside the prior."""
    for name, score in findings.items():
        yield f"linear probe, {name}: {score.accuracy:.3f}, prior {score.prior:.3f}, {score.num_tested:,} frames tested"


PROBE = Probe("linear", "a linear reader of phones", measure, read_scores(LinearScore), lines)
