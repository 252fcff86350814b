"""Purity, PNMI, V-measure and AMI: against scikit-learn, against fairseq's definitions, and by their laws."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.probes import information
from vqaudio.probes.counts import count_pairs
from vqaudio.probes.information import measure_information, pnmi


def drawn(seed: int, num_frames: int, num_codes: int, num_phones: int, told: float) -> tuple[np.ndarray, np.ndarray]:
    """Codes that tell the phone in a share `told` of the frames, and the phones."""
    generator = np.random.default_rng(seed)
    phones = generator.choice(num_phones, num_frames, p=generator.dirichlet(np.ones(num_phones)))
    codes = np.where(
        generator.random(num_frames) < told, phones % num_codes, generator.integers(0, num_codes, num_frames)
    )
    return codes, phones


@settings(max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 400), st.integers(1, 60), st.integers(2, 12), st.floats(0, 1))
def test_information_is_what_scikit_learn_says(
    seed: int, num_frames: int, num_codes: int, num_phones: int, told: float
) -> None:
    from sklearn import metrics

    codes, phones = drawn(seed, num_frames, num_codes, num_phones, told)
    found = measure_information(count_pairs(codes, phones, num_codes, num_phones))
    assert found.mutual_information_nats == pytest.approx(metrics.mutual_info_score(phones, codes), abs=1e-9)
    assert found.v_measure == pytest.approx(metrics.v_measure_score(phones, codes), abs=1e-9)
    assert found.ami == pytest.approx(metrics.adjusted_mutual_info_score(phones, codes), abs=1e-9)
    if found.phone_entropy_nats:
        assert found.pnmi == pytest.approx(metrics.homogeneity_score(phones, codes), abs=1e-9)


def test_adjusted_information_agrees_where_cells_are_large_and_windows_are_cut() -> None:
    from sklearn import metrics

    codes, phones = drawn(0, 40_000, 30, 10, 0.05)
    found = measure_information(count_pairs(codes, phones, 30, 10))
    assert found.ami == pytest.approx(metrics.adjusted_mutual_info_score(phones, codes), abs=1e-9)


def test_the_definitions_are_fairseqs() -> None:
    """Those of examples/hubert/measure_teacher_quality.py, with its 1e-8 under the logarithms."""
    counts = np.array([[6, 1, 0], [0, 4, 1], [1, 1, 1], [0, 0, 5]])  # codes x phones
    shares = (counts / counts.sum()).T
    margins = shares.sum(axis=1, keepdims=True), shares.sum(axis=0, keepdims=True)
    fairseq_mi = (shares * np.log(shares / (margins[0] @ margins[1]) + 1e-8)).sum()
    fairseq_entropy = (-margins[0] * np.log(margins[0] + 1e-8)).sum()
    found = measure_information(counts)
    assert found.phone_purity == pytest.approx(0.8, abs=1e-5)
    assert found.cluster_purity == pytest.approx(0.75, abs=1e-5)
    assert found.mutual_information_nats == pytest.approx(fairseq_mi, abs=1e-5)
    assert found.phone_entropy_nats == pytest.approx(fairseq_entropy, abs=1e-5)
    assert found.pnmi == pytest.approx(fairseq_mi / fairseq_entropy, abs=1e-5)


def test_codes_equal_to_phones_tell_everything() -> None:
    phones = np.random.default_rng(0).integers(0, 40, 5000)
    found = measure_information(count_pairs(phones, phones, 40, 40))
    measured = (found.phone_purity, found.cluster_purity, found.pnmi, found.v_measure, found.ami)
    assert measured == pytest.approx((1, 1, 1, 1, 1), abs=1e-12)


def test_new_names_for_codes_change_nothing() -> None:
    codes, phones = drawn(3, 3000, 64, 20, 0.5)
    names = np.random.default_rng(1).permutation(64)
    before = measure_information(count_pairs(codes, phones, 64, 20))
    after = measure_information(count_pairs(names[codes], phones, 64, 20))
    assert vars(after) == pytest.approx(vars(before), abs=1e-12)


def test_a_million_independent_codes_tell_nothing_and_are_measured_in_seconds() -> None:
    generator = np.random.default_rng(0)
    codes, phones = generator.integers(0, 128, 1_000_000), generator.integers(0, 41, 1_000_000)
    start_s = time.thread_time()
    found = measure_information(count_pairs(codes, phones, 128, 41))
    assert time.thread_time() - start_s < 5
    assert found.pnmi < 0.002
    assert abs(found.ami) < 0.002


def test_many_codes_over_few_frames_look_informative() -> None:
    """Why a headline over few frames is refused: these codes are random."""
    generator = np.random.default_rng(0)
    counts = count_pairs(generator.integers(0, 1024, 10_000), generator.integers(0, 40, 10_000), 1024, 40)
    assert 0.35 < pnmi(counts) < 0.45
    assert abs(measure_information(counts).ami) < 0.01


def test_one_phone_leaves_nothing_to_tell() -> None:
    assert np.isnan(pnmi(np.array([[3], [4]])))


def test_frames_without_labels_are_not_counted_and_none_at_all_is_an_error() -> None:
    counts = count_pairs(np.array([0, 1]), np.array([-1, -1]), 2, 3)
    assert counts.sum() == 0
    with pytest.raises(VqaudioError, match="ids of the alignments"):
        measure_information(counts)


@pytest.mark.parametrize(("codes", "phones"), [([2], [0]), ([0], [3]), ([0], [-2]), ([-1], [0])])
def test_values_outside_their_sets_are_errors(codes: list[int], phones: list[int]) -> None:
    with pytest.raises(VqaudioError, match="another codec"):
        count_pairs(np.array(codes), np.array(phones), 2, 3)


@pytest.mark.parametrize(("codes", "phones"), [([0, 1], [0]), ([[0, 1]], [[0, 1]]), ([0], [[0]])])
def test_codes_and_phones_that_are_no_pairs_are_refused(codes: list, phones: list) -> None:
    with pytest.raises(VqaudioError, match="one code and one phone for every frame"):
        count_pairs(np.array(codes), np.array(phones), 2, 3)


def test_what_was_wanted_is_told_with_its_ends_and_no_frames_are_no_pairs() -> None:
    with pytest.raises(VqaudioError, match="codes run from 0 to 2, wanted 0 to 1"):
        count_pairs(np.array([0, 2]), np.array([0, 0]), 2, 3)
    with pytest.raises(VqaudioError, match="phones run from -2 to 0, wanted -1 to 2"):
        count_pairs(np.array([0, 1]), np.array([-2, 0]), 2, 3)
    assert count_pairs(np.array([], dtype=int), np.array([], dtype=int), 2, 3).tolist() == [[0, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("values", [1, 200, 5_000])
def test_chance_does_not_depend_on_how_much_is_held_at_a_time(values: int, monkeypatch: pytest.MonkeyPatch) -> None:
    codes, phones = drawn(0, 900, 30, 10, 0.05)
    counts = count_pairs(codes, phones, 30, 10)
    whole = measure_information(counts).ami
    monkeypatch.setattr(information, "BLOCK_VALUES", values)
    assert measure_information(counts).ami == pytest.approx(whole, abs=1e-12)


def test_entropies_are_told_of_their_own_side() -> None:
    found = measure_information(np.array([[4, 0], [0, 2], [0, 2]]))
    assert found.phone_entropy_nats == pytest.approx(np.log(2))
    assert found.code_entropy_nats == pytest.approx(1.5 * np.log(2))
