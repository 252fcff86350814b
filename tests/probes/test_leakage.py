"""Speakers from histograms of codes."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.leakage import code_histograms, speaker_leakage, vector_leakage

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


def test_two_speakers_of_four_utterances_are_enough_and_chance_names_the_one_who_speaks_most() -> None:
    codes = [np.array([speaker, speaker, 2]) for speaker in (0, 1)]
    spoken, speakers = [codes[0]] * 8 + [codes[1]] * 4, ["a"] * 8 + ["b"] * 4
    found = speaker_leakage(spoken, speakers, 3)
    assert (found.accuracy, found.num_speakers, found.num_utterances) == (1.0, 2, 12)
    assert found.chance == pytest.approx(8 / 12)
    for left_out in (0, 11):  # of each speaker in turn; three are too few
        kept = [number for number in range(4, 12) if number != left_out] if left_out else [0, 1, 2, *range(8, 12)]
        with pytest.raises(VqaudioError, match="got 1 of 2 speakers"):
            speaker_leakage([spoken[number] for number in kept], [speakers[number] for number in kept], 3)


def test_histograms_have_length_one_and_that_of_no_codes_is_nothing() -> None:
    found = code_histograms([np.array([0, 0, 0, 2]), np.array([], dtype=np.int64)], 4)
    assert found[0].tolist() == pytest.approx([0.75**0.5, 0, 0.5, 0])
    assert found[1].tolist() == [0, 0, 0, 0]


def test_vectors_of_ones_own_betray_the_speaker_and_others_do_not() -> None:
    generator = np.random.default_rng(0)
    noise = [generator.standard_normal((50, 3)) for _ in SPEAKERS]
    assert vector_leakage(noise, SPEAKERS).accuracy < 0.4
    by_mean = [frames + int(name[1]) for frames, name in zip(noise, SPEAKERS, strict=True)]
    by_spread = [frames * (1 + int(name[1])) for frames, name in zip(noise, SPEAKERS, strict=True)]
    for vectors in (by_mean, by_spread):
        found = vector_leakage(vectors, SPEAKERS)
        assert found.accuracy > 0.7
        assert (found.num_speakers, found.num_utterances) == (5, 60)
