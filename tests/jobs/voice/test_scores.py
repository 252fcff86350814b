"""Scores of conversions that are known: voices are tilts of noise, codes are the phones."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.voice.scores import (
    Version,
    VoiceClassifier,
    other_speakers,
    score_versions,
    voice_vector,
)
from vqaudio.probes.counts import UNLABELLED

GRID = FrameGrid(16_000, 320)
TILTS = {"ada": 0.0, "ben": 1.0, "cy": 2.0}
NUM_PHONES = 5


def spoken(speaker: str, seed: int, num_samples: int = 16_000) -> np.ndarray:
    """Noise with the falling spectrum of a speaker."""
    shape = np.linspace(1, 0.05, num_samples // 2 + 1) ** TILTS[speaker]
    noise = np.random.default_rng(seed).normal(0, 0.1, num_samples)
    return np.fft.irfft(np.fft.rfft(noise) * shape, n=num_samples).astype(np.float32)


@pytest.fixture(scope="module")
def classifier() -> VoiceClassifier:
    owners = [name for name in TILTS for _ in range(4)]
    return VoiceClassifier([spoken(name, seed) for seed, name in enumerate(owners)], owners, GRID)


def versions(made_by, codes_of=lambda phones: phones) -> list[Version]:
    """made_by: source, target -> whose voice the sound has."""
    sources = [name for name in TILTS for _ in range(3)]
    found = []
    for seed, (source, target) in enumerate(zip(sources, other_speakers(sources), strict=True)):
        phones = np.random.default_rng(seed).integers(0, NUM_PHONES, 50)
        found.append(Version(source, target, spoken(made_by(source, target), 100 + seed), codes_of(phones), phones))
    return found


def row_of(classifier: VoiceClassifier, found: list[Version]):
    return score_versions("row", found, classifier, np.eye(NUM_PHONES, dtype=np.int64) * 10)


def test_recordings_are_taken_for_their_source_and_never_for_the_target(classifier: VoiceClassifier) -> None:
    row = row_of(classifier, versions(lambda source, target: source))
    assert (row.num_utterances, row.taken_for_source, row.taken_for_target) == (9, 1.0, 0.0)
    assert (row.mapping.accuracy, row.mapping.num_frames) == (1.0, 450)


def test_a_perfect_conversion_is_taken_for_its_target(classifier: VoiceClassifier) -> None:
    row = row_of(classifier, versions(lambda source, target: target))
    assert (row.taken_for_source, row.taken_for_target) == (0.0, 1.0)


def test_phones_that_a_conversion_loses_are_lost_in_its_codes(classifier: VoiceClassifier) -> None:
    def half_lost(phones):
        return np.where(np.arange(len(phones)) % 2 == 0, phones, (phones + 1) % NUM_PHONES)

    row = row_of(classifier, versions(lambda source, target: target, half_lost))
    assert row.mapping.accuracy == 0.5


def test_what_is_not_labelled_is_heard_and_not_read(classifier: VoiceClassifier) -> None:
    found = versions(lambda source, target: source)
    found = [found[0]._replace(phones=None), found[1]._replace(phones=np.full(50, UNLABELLED)), *found[2:]]
    row = row_of(classifier, found)
    assert (row.num_utterances, row.mapping.num_frames) == (9, 350)


def test_neither_level_nor_pauses_change_a_voice() -> None:
    samples = spoken("ben", 7)
    wanted = voice_vector(samples, GRID)
    np.testing.assert_allclose(voice_vector(samples / 4, GRID), wanted, atol=1e-2)
    with_pause = np.concatenate([samples, np.zeros(16_000, np.float32)])
    np.testing.assert_allclose(voice_vector(with_pause, GRID), wanted, rtol=0.3, atol=3.0)
    assert np.abs(voice_vector(spoken("cy", 7), GRID) - wanted).max() > 10


def test_what_is_20_db_softer_belongs_to_a_voice_and_what_is_40_db_softer_is_a_pause() -> None:
    loud, soft = (np.sin(2 * np.pi * hz * np.arange(16_000) / 16_000).astype(np.float32) for hz in (500, 3_000))
    alone = voice_vector(loud, GRID)
    changes = [voice_vector(np.concatenate([loud, soft * 10 ** (-db / 20)]), GRID) - alone for db in (20, 40)]
    assert np.abs(changes[0]).max() > 5
    assert np.abs(changes[1]).max() < 1


def test_targets_are_others_and_all_are_chosen_alike() -> None:
    speakers = [name for _ in range(5) for name in "abcdefg"]
    targets = other_speakers(speakers)
    assert all(source != target for source, target in zip(speakers, targets, strict=True))
    assert {targets.count(name) for name in "abcdefg"} == {5}


def test_one_speaker_is_not_enough() -> None:
    with pytest.raises(VqaudioError, match="another speaker"):
        other_speakers(["ada", "ada"])
    with pytest.raises(VqaudioError, match="two speakers"):
        VoiceClassifier([spoken("ada", 0)], ["ada"], GRID)
