"""Pictures: what they show, not how they look."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.probes import plots
from vqaudio.probes.plots import (
    PUBLISHED,
    class_confusions,
    code_timeline,
    phone_given_code,
    pnmi_against_bitrate,
    spectrogram_db,
)

NAMES = ("AA", "IY", "S", "SIL", "T")
COUNTS = np.array([[0, 9, 0, 1, 0], [5, 5, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 4, 0, 6]])


def image(axes) -> np.ndarray:
    return np.asarray(axes.images[0].get_array())


def test_the_heat_map_has_a_column_for_each_code_that_occurs_and_phones_by_class() -> None:
    axes = phone_given_code(COUNTS, NAMES).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["IY", "AA", "S", "T", "SIL"]
    assert image(axes).shape == (5, 3)
    assert image(axes).sum(axis=0) == pytest.approx([1, 1, 1])
    assert image(axes)[:, 0] == pytest.approx([0.9, 0, 0, 0, 0.1])  # codes by their most likely phone


def test_rows_of_a_confusion_sum_to_one() -> None:
    manner, place = class_confusions(COUNTS, NAMES).axes
    assert [label.get_text() for label in manner.get_yticklabels()] == ["vowel", "fricative", "stop", "silence"]
    assert image(manner).sum(axis=1) == pytest.approx(np.ones(4))
    assert image(place).sum(axis=1) == pytest.approx(np.ones(4))
    assert image(manner)[1].tolist() == [0, 0, 1, 0]  # the code of S is read as T


def test_published_points_stand_where_they_were_published() -> None:
    figure = pnmi_against_bitrate({"codes": (450.0, 0.4)})
    drawn = {line.get_label(): tuple(np.asarray(line.get_xydata())[0].tolist()) for line in figure.axes[0].lines}
    assert drawn["codes"] == (450.0, 0.4)
    assert drawn["MFCC, K=100 (published)"] == (pytest.approx(664.4, abs=0.1), 0.255)
    assert len(drawn) == len(PUBLISHED) + 1


def test_a_tone_is_brightest_at_its_pitch() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000)
    levels = spectrogram_db(tone, 16_000)
    assert levels.max() == 0
    assert levels.min() >= -70
    assert levels.mean(axis=1).argmax() * 8000 / (len(levels) - 1) == pytest.approx(1000, abs=40)
    assert spectrogram_db(tone[:256], 16_000).shape == (257, 1)
    assert spectrogram_db(np.concatenate([tone, tone * 10**-1.5]), 16_000)[:, -1].max() == pytest.approx(-30, abs=0.2)
    for length in (100, 255):
        with pytest.raises(VqaudioError, match="256 samples"):
            spectrogram_db(tone[:length], 16_000)


def test_labels_stand_over_the_codes_of_their_time() -> None:
    samples = np.random.default_rng(0).normal(size=16_000)
    codes = np.repeat([3, 4], 25)
    figure = code_timeline(samples, 16_000, codes, 50.0, [Interval("a", 0, 0.5), Interval("b", 0.5, 1.0)])
    above, below = figure.axes
    assert [(text.get_text(), text.get_position()[0]) for text in above.texts] == [("a", 0.25), ("b", 0.75)]
    assert [(text.get_text(), text.get_position()[0]) for text in below.texts] == [("3", 0.25), ("4", 0.75)]
    assert list(above.images[0].get_extent()) == [0, 1, 0, 8]  # seconds, kHz
    assert list(below.images[0].get_extent()) == [0, 1, 0, 1]


def test_runs_of_two_frames_have_their_number_and_single_ones_none() -> None:
    figure = code_timeline(np.ones(1_600), 16_000, np.array([5, 6, 6, 7, 7]), 50.0, [])
    found = [(text.get_text(), text.get_position()[0]) for text in figure.axes[1].texts]
    assert found == [("6", pytest.approx(0.04)), ("7", pytest.approx(0.08))]


def test_of_very_many_codes_the_first_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "MANY_CODES", 2)
    axes = phone_given_code(COUNTS, NAMES).axes[0]
    assert image(axes).shape == (5, 2)
    assert axes.get_xlabel().startswith("3 codes that occur")
