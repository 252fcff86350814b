"""Axes stand where the sound is."""

import re

import numpy as np
import pytest

from vqaudio.jobs.page.axes import height_share, hertz_axis, seconds_axis
from vqaudio.jobs.page.media import MEL_BANDS, spectrogram


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
@pytest.mark.parametrize("frequency_hz", [500, 1000, 2000, 4000, 7000])
def test_a_tone_is_as_high_as_its_tick(rate_hz: int, frequency_hz: int) -> None:
    pytest.importorskip("matplotlib")
    tone = 0.5 * np.sin(2 * np.pi * frequency_hz * np.arange(rate_hz) / rate_hz)
    brightest = spectrogram(tone, rate_hz).astype(int).sum(axis=-1)[:, 50].argmax()
    assert height_share(frequency_hz, rate_hz) * MEL_BANDS == pytest.approx(MEL_BANDS - 0.5 - brightest, abs=1)


def test_frequencies_end_at_half_the_rate() -> None:
    assert height_share(0, 16_000) == 0
    assert height_share(8000, 16_000) == 1
    assert re.findall(r">([^<]+)</span>", hertz_axis(16_000)) == ["0", "0.5", "1", "2", "4", "8 kHz"]
    assert re.findall(r">([^<]+)</span>", hertz_axis(8_000)) == ["0", "0.5", "1", "2", "4 kHz"]


@pytest.mark.parametrize("seconds", [0.01, 0.61, 1.5, 2.52, 6.0, 11.0])
def test_seconds_are_few_in_equal_steps_and_where_they_belong(seconds: float) -> None:
    ticks = re.findall(r"left:([\d.]+)%[^>]*>([\d.]+)", seconds_axis(seconds))
    times_s = [float(text) for _, text in ticks]
    assert times_s[0] == 0
    assert len(ticks) <= 7
    assert times_s[-1] <= seconds
    np.testing.assert_allclose(np.diff(times_s), times_s[1] if len(times_s) > 1 else [])
    for place, text in ticks[: None if seconds > 0.1 else 0]:
        assert float(place) == pytest.approx(100 * float(text) / seconds, abs=0.01)
    assert seconds_axis(seconds).count(" s</span>") == 1
