"""Speaker leakage: speaker identification from the histogram of an utterance's codes, or from its vectors."""

from collections.abc import Iterator

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.interface import Findings, Probe, ProbeInput, read_scores
from vqaudio.probes.leakage import SpeakerLeakage, speaker_leakage, vector_leakage


def measure(given: ProbeInput) -> Findings:
    """Measure every kind of codes and vectors; why it cannot be becomes a note."""
    corpus = given.corpus.frames
    try:
        of_codes = {
            name: speaker_leakage(frames.codes_by_utterance(), frames.speakers, frames.num_codes, seed=given.seed)
            for name, frames in given.codes.items()
        }
        of_vectors = {
            name: vector_leakage(np.split(flat, corpus.starts[1:-1]), corpus.speakers, seed=given.seed)
            for name, flat in given.vectors.items()
        }
        return of_codes | of_vectors
    except VqaudioError as error:
        given.notes.append(f"no speaker leakage: {error}")
        return {}


def lines(findings: Findings) -> Iterator[str]:
    """Format the shares of utterances that are taken for their speaker."""
    for name, score in findings.items():
        yield (
            f"speaker from {name}: {score.accuracy:.3f} of {score.num_utterances:,} utterances, "
            f"chance {score.chance:.3f}, {score.num_speakers} speakers "
            f"({score.num_left_out} utterances of others left out)"
        )


PROBE = Probe("leakage", "speakers from histograms", measure, read_scores(SpeakerLeakage), lines)
