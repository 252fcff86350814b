"""recipes/benchmarks/ceilings.py: what happens to the magnitudes is what the table says."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def ceilings(script):
    return script("benchmarks/ceilings.py")


@pytest.fixture(scope="module")
def tone():
    """A second of 1 kHz at amplitude 0.1, and a hundredth of it at 3 kHz."""
    time_s = np.arange(16_000) / 16_000
    return (0.1 * np.sin(2 * np.pi * 1_000 * time_s) + 0.001 * np.sin(2 * np.pi * 3_000 * time_s)).astype(np.float32)


def test_amplitudes_are_those_of_sinusoids(ceilings, tone):
    amplitudes = ceilings.amplitudes_of(tone)[:, 20]
    assert amplitudes[40] == pytest.approx(0.1, rel=0.01)
    assert amplitudes[120] == pytest.approx(0.001, rel=0.05)
    assert ceilings.levels_of(ceilings.amplitudes_of(tone))[20] == pytest.approx(0.1, rel=0.02)


def test_what_is_below_the_floor_is_removed_or_filled_up_and_nothing_else(ceilings, tone):
    amplitudes = ceilings.amplitudes_of(tone)
    floor = 2e-3  # of the level brought to 10 ** -1.2: 0.0032 here
    removed, filled = (ceilings.cut(amplitudes, floor, is_filled=is_filled) for is_filled in (False, True))
    assert removed[120, 20] == 0.0
    assert filled[120, 20] == pytest.approx(floor * 0.1 * 10**1.2, rel=0.03)
    assert removed[40, 20] == filled[40, 20] == amplitudes[40, 20]
    assert np.array_equal(ceilings.cut(amplitudes, 1e-9, is_filled=False)[40], amplitudes[40])


def test_mel_bands_come_back_as_amplitudes_that_have_the_same_bands(ceilings, tone):
    bands = ceilings.MelBands(40)
    flat = np.full((321, 6), 0.01, dtype=np.float32)
    back = bands.back(bands.there(flat), 6)
    assert np.allclose(bands.there(back), bands.there(flat), atol=0.02)
    assert bands.back(bands.there(flat[:, :5]), 5).shape == (321, 5)


def test_exact_magnitudes_give_a_tone_back(ceilings, tone):
    sound = ceilings.synthesize(ceilings.amplitudes_of(tone), len(tone), 8)
    assert len(sound) == len(tone)
    assert ceilings.amplitudes_of(sound)[40, 20] == pytest.approx(0.1, rel=0.05)
