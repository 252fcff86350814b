"""Data URIs hold what they were given; pictures show what they should."""

import base64
import io

import numpy as np
import pytest
import soundfile

from vqaudio.jobs.page.media import MEL_BANDS, code_colour, code_strip, picture_uri, sound_uri, spectrogram

RATE_HZ = 16_000


def content_of(uri: str, kind: str) -> bytes:
    head, _, rest = uri.partition(",")
    assert head == f"data:{kind};base64"
    return base64.b64decode(rest, validate=True)


def test_sound_comes_back_sample_by_sample() -> None:
    samples = (np.random.default_rng(0).integers(-32768, 32768, 5001) / 32768).astype(np.float32)
    found, rate_hz = soundfile.read(io.BytesIO(content_of(sound_uri(samples, RATE_HZ), "audio/flac")), dtype="float32")
    assert rate_hz == RATE_HZ
    np.testing.assert_array_equal(found, samples)


def test_pictures_come_back_pixel_by_pixel() -> None:
    image = pytest.importorskip("matplotlib.image")
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), dtype=np.uint8)
    found = image.imread(io.BytesIO(content_of(picture_uri(pixels), "image/png")), format="png")
    np.testing.assert_array_equal(np.rint(found[..., :3] * 255).astype(np.uint8), pixels)


def test_a_spectrogram_shows_when_and_how_high() -> None:
    pytest.importorskip("matplotlib")
    time_s = np.arange(RATE_HZ) / RATE_HZ
    low_then_high = np.where(time_s < 0.5, np.sin(2 * np.pi * 300 * time_s), np.sin(2 * np.pi * 5000 * time_s))
    picture = spectrogram(0.5 * low_then_high, RATE_HZ).astype(int).sum(axis=-1)
    assert picture.shape == (MEL_BANDS, 101)
    brightest = picture.argmax(axis=0)
    assert np.all(brightest[5:45] > 0.75 * MEL_BANDS)  # low bands lie below: many rows down
    assert np.all(brightest[56:96] < 0.25 * MEL_BANDS)


def test_a_strip_shows_the_same_code_in_the_same_colour_and_others_in_others() -> None:
    codes = np.array([5, 5, 6, 5, 1023])
    (row,) = code_strip(codes)
    assert row.shape == (5, 3)
    assert np.array_equal(row[0], row[1])
    assert np.array_equal(row[0], row[3])
    assert len(np.unique(row, axis=0)) == 3
    assert len({code_colour(code) for code in range(1024)}) == 1024
