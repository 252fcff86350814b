"""F0 in blocks, and its gate."""

import numpy as np
import pytest

from vqaudio.audio.pitch import track_f0
from vqaudio.audio.pitch_stream import AHEAD_S, HEARD_S, F0Stream, track_f0_nearby

RATE_HZ = 16_000


def test_f0_nearby_is_that_of_the_whole_where_nothing_was_louder_before(voice) -> None:
    samples = voice(np.full(RATE_HZ, 150.0)) * np.linspace(0.1, 1, RATE_HZ)
    samples[:4000] = 0
    np.testing.assert_allclose(track_f0_nearby(samples, RATE_HZ), track_f0(samples, RATE_HZ), rtol=1e-6)


def test_f0_nearby_does_not_change_by_what_is_farther_away(voice) -> None:
    generator = np.random.default_rng(0)
    samples = voice(150 + 40 * np.sin(np.arange(8 * RATE_HZ) / 4000)) * (generator.random(80) < 0.6).repeat(1600)
    near = track_f0_nearby(samples, RATE_HZ)
    here = slice(500, 520)  # frames; what counts begins HEARD_S before and ends AHEAD_S after them, and 50 ms
    cut = samples.copy()
    cut[: round((5.0 - HEARD_S - 0.05) * RATE_HZ)] = 0.9
    cut[round((5.2 + AHEAD_S + 0.05) * RATE_HZ) :] = 0.9
    np.testing.assert_allclose(track_f0_nearby(cut, RATE_HZ)[here], near[here], rtol=1e-9)
    assert np.isfinite(near[here]).any()


def test_the_gate_nearby_opens_again_after_a_loud_noise_and_never_for_what_is_below_its_floor(voice) -> None:
    seconds = 6
    samples = voice(np.full(seconds * RATE_HZ, 150.0)) * 5e-3
    samples[: RATE_HZ // 2] = np.random.default_rng(0).normal(0, 0.3, RATE_HZ // 2)
    found = track_f0_nearby(samples, RATE_HZ)
    assert np.isnan(found[60:340]).all()
    assert np.isfinite(found[370:-5]).all()
    assert np.isnan(track_f0_nearby(samples * 1e-2, RATE_HZ)).all()


def test_no_samples_have_no_frames() -> None:
    assert len(track_f0(np.zeros(0), RATE_HZ)) == len(track_f0_nearby(np.zeros(0), RATE_HZ)) == 0


@pytest.mark.parametrize("block", [1, 37, 160, 1_000, 16_000])
@pytest.mark.parametrize("rate_hz", [16_000, 22_050])
def test_values_are_the_same_in_whatever_blocks_the_sound_comes(voice, block: int, rate_hz: int) -> None:
    num_samples = 7_777 if block == 1 else 5 * 16_000 + 123
    samples = voice(150 + 60 * np.sin(np.arange(num_samples) / 9_000)) * (np.arange(num_samples) // 1_500 % 3 > 0)
    stream, parts, latest, step = F0Stream(rate_hz), [], 0, rate_hz // 100
    for at in range(0, num_samples, block):
        parts.append(stream.push(samples[at : at + block]))
        latest = max(latest, min(at + block, num_samples) // step - sum(map(len, parts)))
    assert latest <= stream.delay_steps + 1
    parts.append(stream.finish())
    whole = track_f0_nearby(samples, rate_hz)
    assert len(whole) == -(-num_samples // round(rate_hz / 100))
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=1e-6)
    assert np.isfinite(whole).any()


def test_a_stream_keeps_no_more_than_it_needs() -> None:
    stream = F0Stream(RATE_HZ)
    sizes = []
    for _ in range(20):
        stream.push(np.zeros(RATE_HZ))
        sizes.append(len(stream._samples) + len(stream._power) + len(stream._f0_hz))
    assert max(sizes[5:]) == sizes[5] < 3_000
