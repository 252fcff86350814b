"""A small corpus of labelled frames, as a probe gets it."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from vqaudio.core.units import FrameGrid, Interval
from vqaudio.jobs.probe.corpus import Coverage, ProbeCorpus
from vqaudio.jobs.probe.interface import CODES, ProbeInput
from vqaudio.probes.frames import LabelledFrames, LabelledUtterance, LabelSet, split_by_speaker
from vqaudio.tokens.schema import CodecStamp

GRID = FrameGrid(16_000, 320)
STAMP = CodecStamp("tiny", "ab" * 32, 16_000, 320, 1, 4)
NAMES = ("AA", "S", "SIL")


@pytest.fixture(scope="session")
def make_corpus() -> Callable[[Sequence[int]], ProbeCorpus]:
    """Makes utterances `u0.wav` ... of so many frames each, by two speakers; each phone lasts ten frames."""

    def make(lengths: Sequence[int]) -> ProbeCorpus:
        utterances, intervals = [], {}
        for number, length in enumerate(lengths):
            phones = (np.arange(length) // 10 + number) % len(NAMES)
            edges = [*range(0, length, 10), length]
            intervals[f"u{number}.wav"] = [
                Interval(NAMES[phones[start]], start / 50, end / 50) for start, end in pairwise(edges)
            ]
            codes = (phones + (np.arange(length) % 7 == 0)) % 4
            bounds = np.array(edges[1:-1]) / 50
            utterances.append(LabelledUtterance(f"u{number}.wav", "ab"[number % 2], codes, phones, bounds))
        labels = LabelSet(NAMES, frozenset(["SIL"]))
        frames = LabelledFrames.join(utterances, num_codes=4, labels=labels, frame_rate_hz=50.0)
        coverage = Coverage(len(lengths), sum(lengths), 0, 0, 2, sum(lengths) / 50)
        return ProbeCorpus(frames, intervals, GRID, coverage)

    return make


@pytest.fixture(scope="session")
def make_input() -> Callable[[ProbeCorpus], ProbeInput]:
    """Makes the input of a probe of the codes alone, in two folds of speakers."""

    def make(corpus: ProbeCorpus) -> ProbeInput:
        split = split_by_speaker(corpus.frames.speakers, 2)
        return ProbeInput(STAMP, corpus, {CODES: corpus.frames}, split, codebook=0, seed=0)

    return make
