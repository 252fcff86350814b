"""PESQ and STOI: what they say of known pairs, and that giving up is NaN, never a warning or a score."""

import warnings

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.perceptual import pesq_score, stoi_score

pytest.importorskip("pesq")
pytest.importorskip("pystoi")
RATE_HZ = 16_000


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Four seconds that PESQ takes for speech: harmonics of a gliding pitch under syllables."""
    time_s = np.arange(4 * RATE_HZ) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 0.7 * time_s)) / RATE_HZ
    voice = np.sum([np.sin(order * phase) / order for order in range(1, 30)], axis=0)
    return (0.1 * voice * np.clip(np.sin(2 * np.pi * 2.5 * time_s), 0, None)).astype(np.float32)


def noisy(speech: np.ndarray, level: float) -> np.ndarray:
    return speech + np.random.default_rng(0).normal(0, level, len(speech)).astype(np.float32)


SCORES = {
    "pesq_wb": lambda x, y: pesq_score(x, y, RATE_HZ, "wb"),
    "pesq_nb": lambda x, y: pesq_score(x, y, RATE_HZ, "nb"),
    "stoi": lambda x, y: stoi_score(x, y, RATE_HZ),
    "estoi": lambda x, y: stoi_score(x, y, RATE_HZ, is_extended=True),
}


@pytest.mark.parametrize("name", SCORES)
def test_the_original_scores_highest_and_more_noise_lower(name: str, speech) -> None:
    scores = [SCORES[name](speech, noisy(speech, level)) for level in (0.0, 0.01, 0.1)]
    assert scores[0] > scores[1] > scores[2]
    assert scores[0] == pytest.approx({"pesq_wb": 4.64, "pesq_nb": 4.55, "stoi": 1, "estoi": 1}[name], abs=0.01)


@pytest.mark.parametrize("name", SCORES)
def test_silence_and_snippets_are_unscored_without_a_warning(name: str, speech) -> None:
    silence = np.zeros_like(speech)
    assert np.isnan(SCORES[name](silence, speech))
    assert np.isnan(SCORES[name](speech[:1000], speech[:1000]))
    assert np.isnan(SCORES[name](speech[:0], speech[:0]))


def test_stoi_leaves_out_a_reference_that_is_nearly_all_silence(speech) -> None:
    click = np.zeros_like(speech)
    click[8000:9000] = speech[3000:4000]
    warnings.simplefilter("ignore")  # as in a user's program; pytest restores it
    assert np.isnan(stoi_score(click, noisy(click, 0.001), RATE_HZ))


def test_decoding_to_silence_is_given_up_by_pesq_and_scored_low_by_stoi(speech) -> None:
    silence = np.zeros_like(speech)
    assert np.isnan(pesq_score(speech, silence, RATE_HZ, "wb"))
    assert stoi_score(speech, silence, RATE_HZ) < 0.1


@pytest.mark.parametrize("band", ["wb", "nb"])
def test_pesq_hears_no_volume_and_gives_up_on_a_signal_that_vanishes(speech, band: str) -> None:
    """Not silence, but no number that PESQ could level: its power is 0 in 32 bits."""
    assert pesq_score(speech, speech * np.float32(1e-6), RATE_HZ, band) > 4.5
    vanishing = speech * np.float32(1e-30)
    assert vanishing.any()
    assert np.isnan(pesq_score(speech, vanishing, RATE_HZ, band))
    assert np.isnan(pesq_score(vanishing, speech, RATE_HZ, band))


def test_pesq_refuses_rates_that_it_is_not_defined_for(speech) -> None:
    with pytest.raises(VqaudioError, match="resample"):
        pesq_score(speech, speech, 44_100, "wb")
    with pytest.raises(VqaudioError, match="wb"):
        pesq_score(speech, speech, 8_000, "wb")
