"""Changes of sound: what each leaves as it was."""

import numpy as np
import pytest

from vqaudio.audio.degradations import DEGRADATIONS, without_lag
from vqaudio.core.errors import VqaudioError

RATE_HZ, HOP = 16_000, 320
BY_NAME = {one.name: one for one in DEGRADATIONS}


@pytest.fixture
def sound() -> np.ndarray:
    """One second of a chirp from 200 to 3000 Hz."""
    times = np.arange(RATE_HZ) / RATE_HZ
    return (0.3 * np.sin(2 * np.pi * (200 * times + 1400 * times**2))).astype(np.float32)


def changed(name: str, sound: np.ndarray) -> np.ndarray:
    return BY_NAME[name].apply(sound, RATE_HZ, HOP, np.random.default_rng(0))


def snr_db(sound: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(sound**2) / np.mean((other - sound) ** 2)))


@pytest.mark.parametrize("name", [one.name for one in DEGRADATIONS if one.is_aligned])
def test_aligned_changes_keep_the_length_and_the_type(name: str, sound: np.ndarray) -> None:
    other = changed(name, sound)
    assert (other.shape, other.dtype) == (sound.shape, np.float32)
    assert not np.array_equal(other, sound)


@pytest.mark.parametrize("level", [30, 20, 10, 5])
def test_noise_has_the_level_it_says(level: int, sound: np.ndarray) -> None:
    assert snr_db(sound, changed(f"noise {level} dB", sound)) == pytest.approx(level, abs=0.2)


def test_gain_changes_the_level_only(sound: np.ndarray) -> None:
    assert changed("gain -12 dB", sound) == pytest.approx(sound * 10**-0.6)


@pytest.mark.parametrize("name", ["MP3", "Opus"])
def test_coders_come_back_in_time(name: str, sound: np.ndarray) -> None:
    assert snr_db(sound, changed(name, sound)) > 10


def test_a_coder_that_libsndfile_does_not_have_is_named(sound: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr("soundfile.available_subtypes", lambda container: {"VORBIS": ""})
    with pytest.raises(VqaudioError, match="does not write OPUS"):
        changed("Opus", sound)


def test_a_shift_is_a_part_of_a_hop(sound: np.ndarray) -> None:
    assert np.array_equal(changed("shift 0.25 hop", sound)[80:], sound[:-80])


def test_speed_changes_the_length(sound: np.ndarray) -> None:
    assert len(changed("speed 1.1", sound)) == pytest.approx(RATE_HZ / 1.1, abs=2)
    assert len(changed("speed 0.9", sound)) == pytest.approx(RATE_HZ / 0.9, abs=2)


@pytest.mark.parametrize("lag", [-50, 0, 700])
def test_lags_are_taken_out(lag: int, sound: np.ndarray) -> None:
    moved = np.concatenate([np.zeros(lag, dtype=np.float32), sound]) if lag >= 0 else sound[-lag:]
    back = without_lag(moved, sound, 1600)
    assert np.array_equal(back[100:10_000], sound[100:10_000])
