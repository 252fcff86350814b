"""The pitch coder: signals whose pitch is known, and the scale."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.codec.pitch.coder import (
    OCTAVES,
    Pitch,
    codes_of_f0,
    encode_pitch,
    encode_pitch_of_blocks,
    f0_of_codes,
    frame_f0,
    median_of,
)
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid

GRID = FrameGrid(16_000, 320)
STEPS = 32
HALF_A_STEP = OCTAVES / STEPS  # in octaves


def melody(seconds: float = 2.0, factor: float = 1.0) -> np.ndarray:
    time_s = np.arange(int(seconds * 16_000)) / 16_000
    return factor * 140 * 2 ** (0.4 * np.sin(2 * np.pi * 0.7 * time_s))


def audio_of(samples: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(samples.astype(np.float32))[None, None]


@given(st.floats(60, 400), st.floats(-OCTAVES, OCTAVES), st.integers(2, 64))
def test_what_is_decoded_is_at_most_half_a_step_away(median_hz: float, octaves: float, num_steps: int) -> None:
    f0_hz = np.array([median_hz * 2**octaves])
    codes = codes_of_f0(f0_hz, median_hz, num_steps)
    assert 1 <= codes[0] <= num_steps
    back_hz = f0_of_codes(torch.from_numpy(codes), median_hz, num_steps).numpy()
    assert abs(np.log2(back_hz / f0_hz)[0]) <= OCTAVES / num_steps + 1e-5


def test_codes_are_relative_to_the_median_alone() -> None:
    f0_hz = np.append(np.random.default_rng(0).uniform(60, 400, 50), np.nan)
    np.testing.assert_array_equal(codes_of_f0(2 * f0_hz, 300.0, STEPS), codes_of_f0(f0_hz, 150.0, STEPS))
    assert (codes_of_f0(2 * f0_hz, 150.0, STEPS) != codes_of_f0(f0_hz, 150.0, STEPS)).any()


def test_every_code_comes_back_and_unvoiced_is_no_frequency() -> None:
    codes = np.arange(STEPS + 1)
    f0_hz = f0_of_codes(torch.from_numpy(codes), 170.0, STEPS).double().numpy()
    assert f0_hz[0] == 0
    assert (np.diff(f0_hz[1:]) > 0).all()
    np.testing.assert_array_equal(codes_of_f0(np.where(f0_hz > 0, f0_hz, np.nan), 170.0, STEPS), codes)
    beyond = codes_of_f0(np.array([20.0, 170.0 * 5]), 170.0, STEPS)
    assert beyond.tolist() == [1, STEPS]


def test_the_pitch_of_a_glide_is_found_in_its_frames(voice) -> None:
    f0_hz = melody()
    pitch = encode_pitch(audio_of(voice(f0_hz)), GRID, STEPS)
    wanted = f0_hz[160::320]  # in the middle of each frame
    octaves = np.log2(pitch.f0_hz[0].numpy()[3:-3] / wanted[3:-3])
    assert np.abs(octaves).max() < HALF_A_STEP + 0.02
    assert pitch.median_hz[0] == pytest.approx(np.median(f0_hz), rel=0.02)


@pytest.mark.parametrize("factor", [0.75, 1.5])
def test_a_voice_that_is_higher_or_lower_as_a_whole_has_the_same_codes(voice, factor: float) -> None:
    low, high = (encode_pitch(audio_of(voice(melody(factor=f))), GRID, STEPS) for f in (1.0, factor))
    away = (low.codes - high.codes).abs()[0, 3:-3]
    assert away.max() <= 1  # at the edge of a step
    assert (away == 0).float().mean() > 0.8
    assert float(high.median_hz / low.median_hz) == pytest.approx(factor, rel=0.01)
    moved = low.around(float(high.median_hz))
    assert torch.equal(moved.codes, low.codes)
    torch.testing.assert_close(moved.f0_hz, low.f0_hz * float(high.median_hz / low.median_hz))


def test_noise_and_silence_are_unvoiced_and_speech_between_them_is_where_it_was(voice) -> None:
    samples = np.zeros(3 * 16_000)
    samples[16_000:32_000] = voice(melody(1.0))
    samples[32_000:] = np.random.default_rng(0).normal(0, 0.05, 16_000)
    codes = encode_pitch(audio_of(samples), GRID, STEPS).codes[0]
    assert (codes[:49] == 0).all()
    assert (codes[51:99] > 0).all()
    assert (codes[101:] == 0).float().mean() > 0.95
    silent = encode_pitch(torch.zeros(1, 1, 3_000), GRID, STEPS)
    assert (silent.codes == 0).all()
    assert silent.median_hz.tolist() == [0.0]
    assert (silent.f0_hz == 0).all()


def test_rows_are_coded_by_themselves_and_end_at_their_lengths(voice) -> None:
    short, long = voice(melody(0.5)), voice(melody(1.3, factor=1.4))
    audio = torch.zeros(2, 1, len(long))
    audio[0, 0, : len(short)], audio[1, 0] = torch.from_numpy(short), torch.from_numpy(long)
    audio[0, 0, len(short) :] = 0.3  # not real
    both = encode_pitch(audio, GRID, STEPS, lengths=torch.tensor([len(short), len(long)]))
    for row, samples in enumerate((short, long)):
        alone = encode_pitch(audio_of(samples), GRID, STEPS)
        assert torch.equal(both.codes[row, : alone.codes.shape[1]], alone.codes[0])
        assert float(both.median_hz[row]) == float(alone.median_hz[0])
    assert (both.codes[0, GRID.num_frames(len(short)) :] == 0).all()


def test_with_a_median_given_codes_do_not_change_by_what_comes_much_later(voice) -> None:
    samples = voice(melody(3.0))
    whole = encode_pitch(audio_of(samples), GRID, STEPS, median_hz=150.0).codes[0]
    first = encode_pitch(audio_of(samples[:32_000]), GRID, STEPS, median_hz=150.0).codes[0]
    assert torch.equal(whole[:90], first[:90])  # the last 200 ms hear what follows


@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 4_000])
def test_there_is_a_code_for_every_frame(num_samples: int) -> None:
    assert frame_f0(np.ones(num_samples), GRID).shape == (GRID.num_frames(num_samples),)
    assert encode_pitch(torch.zeros(2, 1, num_samples), GRID, STEPS).codes.shape == (2, GRID.num_frames(num_samples))


def test_the_median_is_that_of_voiced_frames() -> None:
    assert median_of(np.array([np.nan, 100.0, 200.0, 130.0, np.nan])) == 130
    assert median_of(np.array([np.nan])) == 0


def test_a_median_that_is_no_frequency_is_refused() -> None:
    pitch = Pitch(torch.ones(2, 3, dtype=torch.int64), torch.tensor([100.0, 200.0]), STEPS)
    assert pitch.around(150.0).median_hz.tolist() == [150.0, 150.0]
    for wrong in (0.0, -3.0, float("nan"), float("inf")):
        with pytest.raises(VqaudioError, match="frequency above 0"):
            pitch.around(wrong)


def test_a_recording_in_blocks_has_the_pitch_of_the_whole(voice) -> None:
    samples = voice(melody(1.7))
    whole = encode_pitch(audio_of(samples), GRID, STEPS)
    blocks = encode_pitch_of_blocks(np.split(samples.astype(np.float32), [100, 7_000, 7_001]), GRID, STEPS)
    assert torch.equal(blocks.codes, whole.codes)
    torch.testing.assert_close(blocks.median_hz, whole.median_hz)
    assert encode_pitch_of_blocks([], GRID, STEPS).codes.shape == (1, 0)
