import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.runs import from_runs, from_timed_units, to_runs, to_timed_units


@given(arrays(np.uint16, array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=30), elements=st.integers(0, 2)))
def test_runs_are_undone_exactly_and_no_two_neighbours_are_equal(codes):
    units, durations = to_runs(codes)
    back = from_runs(units, durations)
    assert np.array_equal(back, codes)
    assert (back.dtype, durations.dtype) == (codes.dtype, np.int64)
    assert durations.sum() == codes.shape[-1]
    is_repeat = units[..., 1:] == units[..., :-1]
    if codes.size:
        assert not (is_repeat.all(axis=0) if codes.ndim == 2 else is_repeat).any()


def test_a_change_in_any_codebook_ends_the_run():
    units, durations = to_runs(np.array([[5, 5, 5, 5], [1, 1, 2, 2]]))
    assert units.tolist() == [[5, 5], [1, 2]]
    assert durations.tolist() == [2, 2]


@pytest.mark.parametrize(("codes", "durations"), [([1, 2], [1]), ([1], [0]), ([[[1]]], [1])])
def test_durations_that_do_not_fit_are_refused(codes, durations):
    with pytest.raises(VqaudioError, match="duration"):
        from_runs(np.array(codes), np.array(durations))
    with pytest.raises(VqaudioError, match="shape t or k t"):
        to_runs(np.zeros((1, 1, 1)))


@given(arrays(np.uint16, st.integers(0, 60), elements=st.integers(0, 2)), st.integers(1, 9))
def test_timed_units_are_undone_exactly_however_long_a_duration_may_be(codes, longest):
    units = to_timed_units(codes, 3, longest)
    assert from_timed_units(units, 3).tolist() == codes.tolist()
    assert (units[::2] < 3).all()
    assert ((units[1::2] >= 3) & (units[1::2] < 3 + longest)).all()
    assert len(units) == 2 * sum(-(-duration // longest) for duration in to_runs(codes)[1].tolist())


@pytest.mark.parametrize("units", [[1], [3, 1], [1, 2], [1, 3, 3, 3]])
def test_a_code_without_its_duration_is_refused(units):
    with pytest.raises(VqaudioError, match="code and duration in turn"):
        from_timed_units(np.array(units), 3)
