"""Counts of codes and what follows from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.metrics.usage import (
    code_agreement,
    count_codes,
    entropy_bitrate_bps,
    entropy_bits,
    nominal_bitrate_bps,
    perplexity,
    top_share,
    usage,
)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(1, 3), st.integers(1, 20))
def test_counting_files_one_by_one_is_counting_them_joined(lengths, num_codebooks, size) -> None:
    rng = np.random.default_rng(sum(lengths))
    files = [rng.integers(size, size=(num_codebooks, length)) for length in lengths]
    counts = count_codes(files, size)
    assert counts.sum() == num_codebooks * sum(lengths)
    np.testing.assert_array_equal(counts, count_codes([np.concatenate(files, axis=1)], size))


def test_equal_frequencies_reach_the_nominal_rate_and_one_code_alone_costs_nothing() -> None:
    counts = np.array([[5] * 16, [80] + [0] * 15])
    np.testing.assert_allclose(perplexity(counts), [16, 1])
    np.testing.assert_allclose(usage(counts), [1, 1 / 16])
    np.testing.assert_allclose(top_share(counts), [1 / 16, 1])
    assert entropy_bitrate_bps(counts[:1], 50.0) == pytest.approx(nominal_bitrate_bps(1, 16, 50.0))
    assert entropy_bitrate_bps(counts, 50.0) == pytest.approx(200.0)


def test_entropy_of_unequal_frequencies_is_shannons() -> None:
    np.testing.assert_allclose(entropy_bits(np.array([[4, 2, 1, 1]])), [1.75])


def test_the_correction_takes_most_of_the_bias_of_few_frames() -> None:
    counts = np.stack([np.bincount(np.random.default_rng(i).integers(64, size=200), minlength=64) for i in range(50)])
    plain, corrected = entropy_bits(counts).mean(), entropy_bits(counts, is_corrected=True).mean()
    assert abs(6 - corrected) < abs(6 - plain) / 4
    assert (entropy_bits(counts, is_corrected=True) <= 6).all()


def test_no_frames_have_no_entropy_and_no_warning() -> None:
    counts = np.zeros((2, 8), np.int64)
    assert not entropy_bits(counts).any()
    assert not usage(counts).any()


def test_codes_of_another_codebook_are_refused() -> None:
    for wrong in (8, -1):
        with pytest.raises(VqaudioError, match="8 entries"):
            count_codes([np.array([[0, wrong]])], 8)
    with pytest.raises(VqaudioError, match="codebooks"):
        count_codes([np.zeros((2, 3), int), np.zeros((1, 3), int)], 8)
    with pytest.raises(VqaudioError, match="no codes"):
        count_codes([], 8)


def test_agreement_counts_equal_frames_of_each_shared_codebook() -> None:
    first = np.array([[1, 2, 3, 4], [5, 5, 5, 5]])
    second = np.array([[1, 2, 0, 0], [5, 5, 5, 5], [9, 9, 9, 9]])
    np.testing.assert_allclose(code_agreement(first, second), [0.5, 1.0])
    with pytest.raises(VqaudioError, match="frames"):
        code_agreement(first, second[:, :3])
