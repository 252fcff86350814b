import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.patterns import PATTERNS, from_grid, from_units, to_grid, to_units

SIZE, HOLE = 4, 99
every_pattern = pytest.mark.parametrize("pattern", PATTERNS)
codes_of_any_shape = st.tuples(st.integers(1, 5), st.integers(0, 9)).flatmap(
    lambda shape: arrays(np.uint16, shape, elements=st.integers(0, SIZE - 1))
)

# As drawn in the docstring: hundreds name the codebook, units the frame.
NAMED = np.array([[100, 101, 102, 103], [200, 201, 202, 203], [300, 301, 302, 303]])
_ = HOLE
DRAWN = {
    "parallel": NAMED,
    "delayed": [[100, 101, 102, 103, _, _], [_, 200, 201, 202, 203, _], [_, _, 300, 301, 302, 303]],
    "flattened": [
        [100, _, _, 101, _, _, 102, _, _, 103, _, _],
        [_, 200, _, _, 201, _, _, 202, _, _, 203, _],
        [_, _, 300, _, _, 301, _, _, 302, _, _, 303],
    ],
    "coarse-first": [
        [100, 101, 102, 103, _, _, _, _],
        [_, _, _, _, 200, 201, 202, 203],
        [_, _, _, _, 300, 301, 302, 303],
    ],
}


@every_pattern
def test_grids_look_as_they_are_drawn(pattern):
    assert to_grid(NAMED, pattern, HOLE).tolist() == np.asarray(DRAWN[pattern]).tolist()


@every_pattern
def test_a_stream_is_the_grid_read_step_by_step(pattern):
    codes = NAMED % 100  # the frame's number: smaller than a codebook of 10
    units = to_units(codes, pattern, codebook_size=10)
    grid = np.asarray(DRAWN[pattern])
    named = grid.T.ravel()
    named = named if pattern == "delayed" else named[named != HOLE]
    assert units.tolist() == [30 if n == HOLE else (n // 100 - 1) * 10 + n % 100 for n in named]


@every_pattern
@given(codes=codes_of_any_shape)
def test_grids_are_undone_exactly(pattern, codes):
    back = from_grid(to_grid(codes, pattern, HOLE), pattern, HOLE)
    assert back.shape == codes.shape
    assert np.array_equal(back, codes)


@every_pattern
@given(codes=codes_of_any_shape)
def test_streams_are_undone_exactly(pattern, codes):
    units = to_units(codes, pattern, SIZE)
    back = from_units(units, pattern, len(codes), SIZE)
    assert back.shape == codes.shape
    assert np.array_equal(back, codes)
    assert units.max(initial=0) <= len(codes) * SIZE


@pytest.mark.parametrize("pattern", ["parallel", "delayed", "flattened"])
@given(codes=codes_of_any_shape, data=st.data())
def test_of_a_cut_stream_the_whole_frames_are_kept(pattern, codes, data):
    units = to_units(codes, pattern, SIZE)
    length = data.draw(st.integers(0, len(units)))
    kept = from_units(units[:length], pattern, len(codes), SIZE, is_partial=True)
    num_books, num_steps = len(codes), length // len(codes)
    wanted = max(0, num_steps - (num_books - 1)) if pattern == "delayed" else num_steps
    assert np.array_equal(kept, codes[:, :wanted])


@pytest.mark.parametrize("pattern", ["parallel", "delayed", "flattened"])
@given(codes=codes_of_any_shape, data=st.data())
def test_of_a_cut_grid_the_whole_frames_are_kept(pattern, codes, data):
    grid = to_grid(codes, pattern, HOLE)
    kept = from_grid(grid[:, : data.draw(st.integers(0, grid.shape[1]))], pattern, HOLE, is_partial=True)
    assert np.array_equal(kept, codes[:, : kept.shape[1]])


@pytest.mark.parametrize(
    ("pattern", "length", "message"),
    [
        ("flattened", -1, "cut off"),
        ("parallel", -2, "cut off"),
        ("coarse-first", -1, "cut off"),
        ("coarse-first", -3, "none of its units"),  # three codes fewer divide again, but leave the books misplaced
        ("delayed", -1, "cut off"),
        ("delayed", -3, "wants"),
        ("delayed", 3, "at least 3 steps"),
        ("delayed", 6, "at least 3 steps"),
    ],
)
def test_a_cut_stream_is_refused_with_what_was_wanted(pattern, length, message):
    units = to_units(NAMED % 100, pattern, codebook_size=10)
    with pytest.raises(VqaudioError, match=message):
        from_units(units[:length], pattern, 3, 10)


def test_a_cut_coarse_first_sequence_is_never_guessed_at():
    with pytest.raises(VqaudioError, match="number of frames"):
        from_units(to_units(NAMED % 100, "coarse-first", 10)[:-1], "coarse-first", 3, 10, is_partial=True)


@given(codes=codes_of_any_shape.filter(lambda codes: codes.shape[0] > 1 and codes.shape[1] > 2))
def test_codes_read_by_the_wrong_pattern_are_refused(codes):
    with pytest.raises(VqaudioError, match="another pattern"):
        from_units(to_units(codes, "coarse-first", SIZE), "flattened", len(codes), SIZE)


@every_pattern
def test_of_one_codebook_all_patterns_are_the_codes_themselves(pattern):
    codes = np.array([[3, 0, 2, 2]])
    assert to_grid(codes, pattern, HOLE).tolist() == codes.tolist()
    assert to_units(codes, pattern, SIZE).tolist() == codes[0].tolist()


@every_pattern
@pytest.mark.parametrize(
    ("codebook", "frame", "unit", "own"), [(0, 1, 4, "0 to 3"), (1, 2, 3, "4 to 7"), (1, 0, 9, "4 to 7")]
)
def test_a_unit_that_is_none_of_its_codebook_is_named_with_its_place(pattern, codebook, frame, unit, own):
    units = to_units(np.array([[0, 3, 2], [1, 0, 3]]), pattern, SIZE)
    numbers = to_units(np.arange(6).reshape(2, 3), pattern, 6).tolist()
    units[numbers.index(3 * codebook + frame + 6 * codebook)] = unit
    said = f"unit {unit} stands for codebook {codebook}, frame {frame}, but is none of its units {own};"
    with pytest.raises(VqaudioError, match=said):
        from_units(units, pattern, 2, SIZE)
    # Of several the first in time is named, whatever its codebook.
    units[numbers.index(2)] = 7
    first = min((frame, codebook), (2, 0))
    with pytest.raises(VqaudioError, match=f"codebook {first[1]}, frame {first[0]}"):
        from_units(units, pattern, 2, SIZE)


@every_pattern
def test_padding_in_the_place_of_a_code_is_named_with_its_step(pattern):
    grid = to_grid(NAMED, pattern, HOLE)
    places = {code: tuple(np.argwhere(grid == code)[0].tolist()) for code in (202, 103)}
    for code in (202, 103):
        grid[places[code]] = HOLE
    step, codebook = min((step, codebook) for codebook, step in places.values())
    for is_partial in (False, True) if pattern != "coarse-first" else (False,):
        with pytest.raises(VqaudioError, match=f"step {step}, codebook {codebook} holds 99 .*wants a code"):
            from_grid(grid, pattern, HOLE, is_partial=is_partial)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: to_grid(np.zeros((1, 2), int), "zigzag", HOLE), "unknown pattern 'zigzag'"),
        (lambda: to_units(np.zeros(3, int), "delayed", SIZE), "shape k t"),
        (lambda: to_units(np.zeros((2, 3)), "delayed", SIZE), "integers"),
        (lambda: to_units(np.zeros((2, 3), bool), "delayed", SIZE), "integers"),
        (lambda: to_units(np.zeros((0, 3), int), "delayed", SIZE), "shape k t"),
        (lambda: to_grid(np.full((2, 3), HOLE), "delayed", HOLE), "no code"),
        (lambda: to_grid(np.array([[0, HOLE]]), "delayed", HOLE), "no code"),
        (lambda: from_units(np.zeros((2, 3), int), "delayed", 2, SIZE), "shape n"),
        (lambda: from_units(np.zeros(4, int), "zigzag", 2, SIZE), "unknown pattern 'zigzag'"),
    ],
)
def test_what_does_not_fit_is_refused(call, message):
    with pytest.raises(VqaudioError, match=message):
        call()
