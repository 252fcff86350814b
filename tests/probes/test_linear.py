"""Linear readers of codes and vectors, alone and with their neighbours."""

from dataclasses import replace

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.linear import LinearOptions, linear_probe, window_frames

STARTS = np.array([0, 1000, 2000, 3000])
ONE_DECAY = LinearOptions(weight_decays=(1e-4,))


def split_and_phones() -> tuple[np.ndarray, np.ndarray]:
    phones = np.random.default_rng(0).integers(0, 6, 3000)
    return np.arange(3000) >= 2000, phones


def test_codes_equal_to_phones_and_their_one_hot_vectors_are_read() -> None:
    is_tested, phones = split_and_phones()
    for values in (phones, np.eye(6)[phones]):
        score = linear_probe(values, phones, STARTS, is_tested, ONE_DECAY)
        assert score.accuracy == score.fitted_accuracy == 1.0
        assert (score.num_fitted, score.num_tested) == (2000, 1000)
        assert score.prior < 0.25


def test_only_a_window_reads_what_stands_beside() -> None:
    """The code of each frame is the phone of the next one."""
    is_tested, phones = split_and_phones()
    codes = np.roll(phones, -1)
    assert linear_probe(codes, phones, STARTS, is_tested, ONE_DECAY).accuracy < 0.3
    windowed = replace(ONE_DECAY, radius_frames=1)
    assert linear_probe(codes, phones, STARTS, is_tested, windowed).accuracy > 0.99
    assert linear_probe(np.eye(6)[codes], phones, STARTS, is_tested, windowed).accuracy > 0.99


def test_frames_held_out_do_not_shape_the_reader() -> None:
    """Whatever the vectors that are tested look like, those that are fitted are read as well."""
    is_tested, phones = split_and_phones()
    vectors = np.random.default_rng(1).normal(size=(3000, 8)) + np.eye(6, 8)[phones]
    spoilt = np.where(is_tested[:, None], 1e6 * vectors + 1e6, vectors)
    scores = [linear_probe(values, phones, STARTS, is_tested, ONE_DECAY) for values in (vectors, spoilt)]
    assert scores[0].fitted_accuracy == scores[1].fitted_accuracy
    assert 0.4 < scores[0].accuracy < 0.9


def test_the_scale_and_place_of_vectors_do_not_matter() -> None:
    is_tested, phones = split_and_phones()
    vectors = np.random.default_rng(1).normal(size=(3000, 8)) + np.eye(6, 8)[phones]
    moved = vectors * np.logspace(-3, 3, 8) + np.linspace(-5e3, 5e3, 8)
    scores = [linear_probe(values, phones, STARTS, is_tested, ONE_DECAY).accuracy for values in (vectors, moved)]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


def test_random_codes_give_no_more_than_the_prior() -> None:
    is_tested, phones = split_and_phones()
    score = linear_probe(np.random.default_rng(1).integers(0, 50, 3000), phones, STARTS, is_tested, ONE_DECAY)
    assert score.accuracy == pytest.approx(1 / 6, abs=0.06)


def test_the_weight_decay_is_chosen_on_fitted_utterances() -> None:
    """Windows over many codes fit the frames they saw by heart; the decay that is chosen does as well as the best."""
    generator = np.random.default_rng(2)
    phones = generator.integers(0, 6, 3000)
    codes = np.where(generator.random(3000) < 0.5, 10 * phones, 0) + generator.integers(0, 10, 3000)
    starts, is_tested = np.arange(0, 3001, 100), np.arange(3000) >= 2000
    single = {
        decay: linear_probe(codes, phones, starts, is_tested, LinearOptions(radius_frames=5, weight_decays=(decay,)))
        for decay in (1e-6, 1e-2)
    }
    chosen = linear_probe(codes, phones, starts, is_tested, LinearOptions(radius_frames=5, weight_decays=(1e-6, 1e-2)))
    assert chosen.weight_decay == 1e-2
    assert chosen == single[1e-2]
    assert chosen.accuracy > single[1e-6].accuracy


def test_windows_end_with_their_utterance() -> None:
    rows = window_frames(np.zeros(5), np.array([0, 2, 5]), 1)
    assert rows.tolist() == [[-1, 0, 1], [0, 1, -1], [-1, 2, 3], [2, 3, 4], [3, 4, -1]]


def test_the_same_seed_gives_the_same_score_and_leaves_torchs_own_random_numbers_alone() -> None:
    import torch

    is_tested, phones = split_and_phones()
    codes = np.random.default_rng(1).integers(0, 50, 3000)
    state, options = torch.get_rng_state(), LinearOptions(weight_decays=(1e-4, 1e-3))
    first, second = (linear_probe(codes, phones, STARTS, is_tested, options) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), state)


def test_no_labels_on_one_side_is_an_error() -> None:
    is_tested, phones = split_and_phones()
    with pytest.raises(VqaudioError, match="0 to test on"):
        linear_probe(phones, np.where(is_tested, -1, phones), STARTS, is_tested)


def test_the_prior_names_what_was_most_frequent_where_it_was_fitted() -> None:
    phones = np.array([0] * 30 + [1] * 10 + [1] * 30 + [0] * 10)
    score = linear_probe(np.zeros(80, dtype=int), phones, np.array([0, 40, 80]), np.arange(80) >= 40, ONE_DECAY)
    assert (score.prior, score.accuracy, score.fitted_accuracy) == (0.25, 0.25, 0.75)


def test_of_one_utterance_the_first_weight_decay_is_taken() -> None:
    phones = np.tile([0, 1], 40)
    options = LinearOptions(weight_decays=(1e-3, 1e-5))
    assert linear_probe(phones, phones, np.array([0, 80]), np.arange(80) >= 40, options).weight_decay == 1e-3


def test_vectors_that_stand_still_are_no_trouble_and_those_that_are_no_numbers_are_refused() -> None:
    phones, is_tested, starts = np.tile([0, 1], 40), np.arange(80) >= 40, np.array([0, 40, 80])
    still = np.stack([phones, np.full(80, 7.0)], axis=1)
    assert linear_probe(still, phones, starts, is_tested, ONE_DECAY).accuracy == 1.0
    still[3, 1] = np.nan
    with pytest.raises(VqaudioError, match="NaN or infinity"):
        linear_probe(still, phones, starts, is_tested, ONE_DECAY)
    with pytest.raises(VqaudioError, match="0 labelled frames to fit on"):
        linear_probe(phones, np.where(is_tested, phones, -1), starts, is_tested)


def test_a_single_frame_is_read_where_nothing_else_is_said() -> None:
    assert LinearOptions().radius_frames == 0
    assert len(LinearOptions().weight_decays) > 1
