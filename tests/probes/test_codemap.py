"""Codes read as phones, fitted on some speakers and tested on others."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.probes.codemap import fit_codemap, held_out_score, mapping_score, without_phones
from vqaudio.probes.counts import count_pairs_by_group


def test_a_mapping_is_right_as_often_as_its_codes_say() -> None:
    fitted = np.array([[3, 1], [0, 4], [0, 0]])
    tested = np.array([[5, 5], [1, 9], [2, 1]])
    assert fit_codemap(fitted).tolist() == [0, 1, 1]  # code 2 never occurs: the most frequent phone
    score = mapping_score(fitted, tested)
    assert score.accuracy == pytest.approx((5 + 9 + 1) / 23)
    assert score.prior == pytest.approx((5 + 9 + 1) / 23)
    assert (score.num_frames, score.num_unseen) == (23, 3)


def test_a_group_is_tested_with_the_mapping_of_the_others() -> None:
    """Each speaker uses codes of their own: in-sample all is right, held out only the prior is left."""
    generator = np.random.default_rng(0)
    phones, groups = generator.integers(0, 5, 4000), generator.integers(0, 4, 4000)
    by_group = count_pairs_by_group(phones + 5 * groups, phones, groups, num_codes=20, num_phones=5, num_groups=4)
    whole = by_group.sum(axis=0)
    assert mapping_score(whole, whole).accuracy == 1.0
    score = held_out_score(by_group)
    assert score.num_unseen == score.num_frames == 4000
    assert score.accuracy == pytest.approx(score.prior)


def test_pooling_weighs_frames_alike() -> None:
    by_group = np.array([[[9, 0], [0, 1]], [[0, 10], [80, 0]]])
    score = held_out_score(by_group)
    assert score.accuracy == 0.0
    assert score.num_frames == 100


def test_a_fixed_split_tests_only_its_own_group() -> None:
    by_group = np.array([[[9, 0], [0, 1]], [[3, 1], [0, 4]]])
    assert held_out_score(by_group, tested=(1,)) == mapping_score(by_group[0], by_group[1])


def test_silence_is_left_out_of_both_sides() -> None:
    by_group = np.array([[[5, 3, 9]], [[1, 2, 9]]])
    assert without_phones(by_group, [2]).tolist() == [[[5, 3]], [[1, 2]]]


@pytest.mark.parametrize("by_group", [np.zeros((2, 2, 2), dtype=int), np.array([[[1, 0]], [[0, 0]]])])
def test_nothing_to_fit_on_or_to_test_on_is_an_error(by_group: np.ndarray) -> None:
    with pytest.raises(VqaudioError, match="held-out"):
        held_out_score(by_group)


def test_scores_of_groups_are_pooled_by_their_frames() -> None:
    by_group = np.array([[[90, 0], [0, 0], [0, 0]], [[0, 5], [0, 5], [0, 0]], [[0, 0], [0, 0], [0, 0]]])
    score = held_out_score(by_group)
    parts = [mapping_score(by_group[1], by_group[0]), mapping_score(by_group[0], by_group[1])]
    assert (score.num_frames, score.num_unseen) == (100, sum(part.num_unseen for part in parts)) == (100, 5)
    for name in ("accuracy", "prior"):
        wanted = sum(getattr(part, name) * part.num_frames for part in parts) / 100
        assert getattr(score, name) == pytest.approx(wanted)


def test_the_prior_is_that_of_the_frames_fitted_on() -> None:
    assert mapping_score(np.array([[9, 1]]), np.array([[1, 3]])).prior == pytest.approx(1 / 4)


def test_tables_without_frames_are_refused_on_either_side() -> None:
    for fitted, tested in (([[0, 0]], [[1, 0]]), ([[1, 0]], [[0, 0]])):
        with pytest.raises(VqaudioError, match="no frame has both"):
            mapping_score(np.array(fitted), np.array(tested))
    with pytest.raises(VqaudioError, match="0 of those to be tested"):
        held_out_score(np.array([[[1, 0]], [[0, 0]], [[1, 1]]]), tested=(1,))
