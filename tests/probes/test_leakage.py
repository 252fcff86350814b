"""Speakers from histograms of codes."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.leakage import speaker_leakage

SPEAKERS = [f"s{number % 5}" for number in range(60)]


def test_codes_of_ones_own_betray_the_speaker() -> None:
    generator = np.random.default_rng(0)
    codes = [generator.integers(0, 16, 200) + 4 * int(name[1]) for name in SPEAKERS]
    found = speaker_leakage(codes, SPEAKERS, 32)
    assert found.accuracy > 0.95
    assert (found.chance, found.num_speakers, found.num_utterances) == (pytest.approx(0.2), 5, 60)


def test_codes_that_all_share_leave_chance() -> None:
    generator = np.random.default_rng(0)
    found = speaker_leakage([generator.integers(0, 16, 300) for _ in SPEAKERS], SPEAKERS, 16)
    assert found.accuracy < 0.4


def test_speakers_with_few_utterances_are_left_out_and_counted() -> None:
    generator = np.random.default_rng(0)
    codes = [generator.integers(0, 16, 100) for _ in range(63)]
    found = speaker_leakage(codes, [*SPEAKERS, "x", "x", "x"], 16)
    assert (found.num_speakers, found.num_utterances, found.num_left_out) == (5, 60, 3)
    assert found.chance == pytest.approx(12 / 60)  # of those that are tested
    with pytest.raises(VqaudioError, match="two speakers"):
        speaker_leakage(codes[:6], ["a"] * 6, 16)
