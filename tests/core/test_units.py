import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval

GRIDS = st.builds(FrameGrid, sample_rate_hz=st.integers(1, 192_000), hop_samples=st.integers(1, 4_096))


@given(GRIDS, st.integers(0, 10**9))
def test_frames_cover_every_sample_and_none_is_empty(grid, num_samples):
    frames = grid.num_frames(num_samples)
    assert frames * grid.hop_samples >= num_samples
    assert num_samples == 0 or (frames - 1) * grid.hop_samples < num_samples


@pytest.mark.parametrize(("extra_samples", "extra_frames"), [(0, 0), (1, 1), (319, 1), (320, 1)])
def test_a_begun_hop_is_a_frame(extra_samples, extra_frames):
    assert FrameGrid(16_000, 320).num_frames(7 * 320 + extra_samples) == 7 + extra_frames


@given(GRIDS, st.integers(0, 10**8))
@example(FrameGrid(sample_rate_hz=49, hop_samples=1), 1)  # 1 / 49 * 49 is 0.9999999999999999
def test_a_sample_survives_the_way_through_seconds(grid, sample):
    assert grid.sample_at(grid.time_at(sample)) == sample


@given(GRIDS, st.integers(0, 10**8))
def test_the_frame_at_a_time_holds_the_sample_at_that_time(grid, sample):
    frame = grid.frame_at(grid.time_at(sample))
    assert frame * grid.hop_samples <= sample < (frame + 1) * grid.hop_samples


def test_times_round_to_the_nearest_sample_where_floats_fall_short():
    grid = FrameGrid(sample_rate_hz=16_000, hop_samples=320)
    assert grid.frame_at(0.58) == 29  # 0.58 * 50 is 28.999999999999996
    assert grid.frame_at(0.58 - 1 / 16_000) == 28


def test_the_frame_rate_is_frames_in_a_second():
    assert FrameGrid(16_000, 320).frame_rate_hz == 50.0


def test_a_negative_time_is_refused_with_the_time():
    with pytest.raises(VqaudioError, match=r"-0\.25"):
        FrameGrid(16_000, 320).frame_at(-0.25)


@pytest.mark.parametrize(("rate", "hop"), [(0, 320), (16_000, 0), (-1, 320)])
def test_a_grid_without_rate_or_hop_is_refused(rate, hop):
    with pytest.raises(VqaudioError, match=f"{rate} Hz and {hop} samples"):
        FrameGrid(rate, hop)


def test_grids_and_intervals_are_values():
    assert FrameGrid(16_000, 320) == FrameGrid(16_000, 320)
    assert len({Interval("a", 0.0, 0.1), Interval("a", 0.0, 0.1)}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        FrameGrid(16_000, 320).hop_samples = 160  # pyright: ignore[reportAttributeAccessIssue]
