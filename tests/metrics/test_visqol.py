"""ViSQOL: what it says of known pairs, and that giving up is NaN, never a warning or a score."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.visqol import visqol_score

RATE_HZ = 16_000
has_visqol = pytest.mark.skipif(importlib.util.find_spec("visqol") is None, reason="needs visqol-python")


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Two seconds of a spoken sentence."""
    path = Path(__file__).parents[2] / "data" / "samples" / "ada" / "ada_1.flac"
    samples, rate_hz = soundfile.read(path, dtype="float32")
    assert rate_hz == RATE_HZ
    return samples[: 2 * RATE_HZ]


@has_visqol
def test_the_original_scores_five_and_more_noise_lower_each_time(speech: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, speech.std(), len(speech)).astype(np.float32)
    scores = [visqol_score(speech, speech + level * noise, RATE_HZ) for level in (0.0, 0.01, 0.1, 0.3, 1.0)]
    assert scores[0] == pytest.approx(5, abs=1e-6)
    assert np.all(np.diff(scores) < 0)
    assert scores[-1] < 3


@has_visqol
def test_a_change_of_level_alone_costs_nothing(speech: np.ndarray) -> None:
    assert visqol_score(speech, 0.5 * speech, RATE_HZ) == pytest.approx(5, abs=0.01)


@has_visqol
def test_silence_for_speech_is_the_worst_and_speech_for_silence_unscored(speech: np.ndarray) -> None:
    silence = np.zeros_like(speech)
    assert visqol_score(speech, silence, RATE_HZ) == 1.0
    assert np.isnan(visqol_score(silence, speech, RATE_HZ))


@has_visqol
@pytest.mark.parametrize("num_samples", [0, 1, 1000, 3000])
def test_snippets_are_unscored(num_samples: int, speech: np.ndarray) -> None:
    snippet = speech[8000 : 8000 + num_samples]
    assert np.isnan(visqol_score(snippet, snippet, RATE_HZ))


def test_other_rates_and_unequal_lengths_are_refused(speech: np.ndarray) -> None:
    with pytest.raises(VqaudioError, match="resample"):
        visqol_score(speech, speech, 48_000)
    with pytest.raises(VqaudioError, match="one length"):
        visqol_score(speech, speech[:-1], RATE_HZ)


def test_without_the_package_the_answer_names_the_extra(speech: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    from vqaudio.metrics import visqol

    visqol._speech_judge.cache_clear()
    monkeypatch.setitem(sys.modules, "visqol", None)
    with pytest.raises(VqaudioError, match=r"vqaudio\[metrics\]"):
        visqol_score(speech, speech, RATE_HZ)
