"""Bits under the model that learns while it codes."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.adaptive import _num_earlier, adaptive_bits

SIZE = 16


def uniform(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(SIZE, size=shape)


def test_uniform_codes_cost_the_nominal_rate_and_no_less_than_noise() -> None:
    mean = adaptive_bits([uniform(3, 4_000)], SIZE)[0].mean(axis=1)
    assert ((mean > 4 - 0.01) & (mean < 4 + 0.05)).all()


def test_a_code_that_is_always_the_same_costs_next_to_nothing() -> None:
    bits = adaptive_bits([np.full((2, 3_000), 7)], SIZE)[0]
    assert bits[:, 0] == pytest.approx([4, 4])
    assert bits[:, 1_000:].max() < 0.01
    assert bits.sum(axis=1).max() < 40


def test_what_follows_changes_nothing_that_came_before() -> None:
    codes, others = uniform(2, 300), uniform(2, 300, seed=1)
    others[:, :200] = codes[:, :200]
    first, second = adaptive_bits([codes], SIZE)[0], adaptive_bits([others, others], SIZE)[0]
    np.testing.assert_array_equal(first[:, :200], second[:, :200])
    assert (first[:, 201:] != second[:, 201:]).any()


def test_the_chances_of_all_codes_that_may_come_next_add_up_to_one() -> None:
    codes = uniform(2, 60) // 5  # some contexts were seen before, some not
    before = [codes[:, :40], codes[:, 40:]]
    for book in (0, 1):
        costs = []
        for code in range(SIZE):
            last = before[1].copy()
            last[book, -1] = code
            costs.append(adaptive_bits([before[0], last], SIZE)[1][book, -1])
        assert sum(2.0 ** -np.array(costs)) == pytest.approx(1)


def test_a_codebook_costs_the_same_whatever_stands_above_it() -> None:
    codes = uniform(3, 200)
    whole, first = adaptive_bits([codes], SIZE)[0], adaptive_bits([codes[:2]], SIZE)[0]
    np.testing.assert_array_equal(whole[:2], first)


def test_what_one_recording_teaches_serves_the_next() -> None:
    codes = np.array([[1, 2, 3, 1, 3] * 80])
    bits = adaptive_bits([codes, codes], SIZE)
    assert bits[1].sum() < 0.8 * bits[0].sum()
    assert bits[1].shape == codes.shape


def test_a_recording_begins_without_the_last_code_of_the_one_before() -> None:
    recordings = [np.array([[3] + [0, 5] * 20 + [0]])] * 30  # after 0 comes 5, at a beginning 3
    assert adaptive_bits(recordings, SIZE)[-1][0, 0] < 2.0


@pytest.mark.parametrize(("lag", "books"), [("time", 1), ("below", 2)])
def test_codes_that_the_last_one_or_the_codebook_below_decides_cost_little(lag: str, books: int) -> None:
    codes = np.cumsum(1 + (uniform(books, 6_000) == 0), axis=1) % SIZE if lag == "time" else uniform(2, 6_000)
    if lag == "below":
        codes[1] = (codes[0] * 5 + 3) % SIZE
    assert adaptive_bits([codes], SIZE)[0][-1, 3_000:].mean() < 0.8


def test_it_comes_near_the_entropy_of_codes_of_unequal_frequency() -> None:
    shares = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
    codes = np.random.default_rng(0).choice(5, size=(1, 6_000), p=shares)
    ideal = -np.log2(shares)[codes].mean()
    assert ideal < adaptive_bits([codes], SIZE)[0].mean() < ideal + 0.06


def test_earlier_occurrences_are_counted() -> None:
    assert _num_earlier(np.array([3, 1, 3, 3, 1, 2])).tolist() == [0, 0, 1, 2, 1, 0]


def test_recordings_without_frames_cost_nothing_and_wrong_codes_are_refused() -> None:
    empty = np.zeros((2, 0), int)
    bits = adaptive_bits([empty, uniform(2, 3), empty], SIZE)
    assert [one.shape for one in bits] == [(2, 0), (2, 3), (2, 0)]
    assert adaptive_bits([empty], SIZE)[0].shape == (2, 0)
    for wrong in ([], [uniform(1, 2) + SIZE], [uniform(1, 2), uniform(2, 2)]):
        with pytest.raises(VqaudioError):
            adaptive_bits(wrong, SIZE)
