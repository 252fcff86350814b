"""Crops: what is drawn is a pure function of the step, and epochs are fair."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.crops import (
    BATCH_STREAM,
    CROP_STREAM,
    ORDER_STREAM,
    Augmentation,
    CropSampler,
    uniform_draws,
)
from vqaudio.corpora.mixing import MIX_STREAM

CROP = 100
LENGTHS = np.array([100, 350, 40, 990, 149, 600])
VISITS = np.array([1, 4, 1, 10, 1, 6])  # round(length / crop), at least 1


def make_sampler(seed: int = 0, augmentation: Augmentation | None = None) -> CropSampler:
    return CropSampler(
        LENGTHS, np.arange(len(LENGTHS)), crop_samples=CROP, seed=seed, augmentation=augmentation or Augmentation()
    )


def test_a_step_drawn_alone_equals_the_step_drawn_in_a_run() -> None:
    running = make_sampler()
    for step in range(20):
        drawn = running.positions(step, 4)
    fresh = make_sampler().positions(19, 4)
    for field, again in zip(drawn, fresh, strict=True):
        assert np.array_equal(field, again)


@pytest.mark.parametrize("world_size", [2, 4])
def test_all_ranks_together_see_the_batch_of_one_process(world_size: int) -> None:
    sampler = make_sampler(augmentation=Augmentation(-6.0, 6.0, True))
    for step in range(5):
        whole = sampler.positions(step, 8)
        shares = [sampler.positions(step, 8, rank, world_size) for rank in range(world_size)]
        for field, parts in zip(whole, zip(*shares, strict=True), strict=True):
            assert np.array_equal(field, np.concatenate(parts))


def test_every_epoch_visits_each_utterance_in_proportion_to_its_length() -> None:
    sampler = make_sampler()
    assert sampler.num_crops == VISITS.sum()
    visited = np.concatenate([sampler.utterances_at(step, 5) for step in range(3 * sampler.num_crops // 5 + 1)])
    for epoch in range(3):
        part = visited[epoch * sampler.num_crops : (epoch + 1) * sampler.num_crops]
        assert np.array_equal(np.bincount(part, minlength=len(LENGTHS)), VISITS)


def test_epochs_and_seeds_differ_in_order() -> None:
    sampler, other = make_sampler(seed=0), make_sampler(seed=1)
    size = sampler.num_crops
    assert not np.array_equal(sampler.utterances_at(0, size), sampler.utterances_at(1, size))
    assert not np.array_equal(sampler.utterances_at(0, size), other.utterances_at(0, size))


def test_crops_lie_inside_their_utterance_and_reach_both_its_ends() -> None:
    sampler = make_sampler()
    reached_start, reached_end = set(), set()
    for step in range(400):
        drawn = sampler.positions(step, 23)
        owners = drawn.speakers  # in this corpus speaker u speaks utterance u alone
        first = drawn.starts - sampler.offsets[owners]
        assert (first >= 0).all()
        assert (first + drawn.lengths <= LENGTHS[owners]).all()
        assert np.array_equal(drawn.lengths, np.minimum(LENGTHS[owners], CROP))
        reached_start |= set(owners[first == 0].tolist())
        reached_end |= set(owners[first + drawn.lengths == LENGTHS[owners]].tolist())
    assert reached_start == reached_end == set(range(len(LENGTHS)))


def test_gains_fill_their_range_and_polarity_is_a_fair_coin() -> None:
    sampler = make_sampler(augmentation=Augmentation(-12.0, 3.0, True))
    drawn = sampler.positions(0, 4000)
    assert -12.0 <= drawn.gains_db.min() < -11.9
    assert 2.9 < drawn.gains_db.max() <= 3.0
    assert abs(drawn.gains_db.mean() + 4.5) < 0.3
    assert abs(drawn.signs.mean()) < 0.06
    assert np.allclose(20 * np.log10(np.abs(drawn.scales)), drawn.gains_db, atol=1e-4)


def test_without_augmentation_samples_are_left_as_they_are() -> None:
    assert (make_sampler().positions(3, 50).scales == 1.0).all()


def test_draws_do_not_repeat_from_step_to_step() -> None:
    augmentation = Augmentation()
    sampler = CropSampler(np.array([10**9]), np.array([0]), crop_samples=100_000, seed=0, augmentation=augmentation)
    starts = np.concatenate([sampler.positions(step, 16).starts for step in range(50)])
    assert len(np.unique(starts)) == len(starts)


def test_the_draws_of_a_seed_never_change_between_versions() -> None:
    drawn = make_sampler(seed=7).positions(2, 4)
    assert drawn.starts.tolist() == PINNED_STARTS


PINNED_STARTS = [324, 1995, 572, 1980]


def test_a_batch_that_cannot_be_shared_equally_is_refused() -> None:
    with pytest.raises(VqaudioError, match=r"9 crops .* rank 0 of 2"):
        make_sampler().positions(0, 9, 0, 2)


@pytest.mark.parametrize(("step", "size", "rank", "world"), [(-1, 4, 0, 1), (0, 0, 0, 1), (0, 4, 2, 2), (0, 4, -1, 2)])
def test_steps_sizes_and_ranks_that_there_are_not_are_refused(step: int, size: int, rank: int, world: int) -> None:
    with pytest.raises(VqaudioError, match=f"a batch of {size} crops at step {step} for rank {rank} of {world}"):
        make_sampler().positions(step, size, rank, world)


def test_gains_that_fall_and_crops_of_nothing_are_refused() -> None:
    assert Augmentation(3.0, 3.0).gain_low_db == 3.0
    with pytest.raises(VqaudioError, match="wanted low <= high"):
        Augmentation(3.0, 2.9)
    with pytest.raises(VqaudioError, match="crop_samples must be at least 1, got 0"):
        CropSampler(LENGTHS, LENGTHS, crop_samples=0, seed=0, augmentation=Augmentation())


def test_orders_crops_and_buckets_are_drawn_from_streams_of_their_own() -> None:
    assert len({ORDER_STREAM, CROP_STREAM, BATCH_STREAM, MIX_STREAM}) == 4
    drawn = {tuple(uniform_draws(seed, stream, index, 5).tolist()) for seed, stream, index in np.ndindex(3, 4, 3)}
    assert len(drawn) == 36
    assert np.array_equal(uniform_draws(1, 2, 3, 9)[:5], uniform_draws(1, 2, 3, 5))
    flat = np.sort(np.concatenate([uniform_draws(0, 0, index, 1_000) for index in range(10)]))
    assert len(np.unique(flat)) == 10_000
    assert 0 <= flat[0] < 1e-3 < 0.999 < flat[-1] < 1


def test_batches_of_buckets_come_in_another_order_in_every_epoch() -> None:
    sampler = bucketed(np.repeat(np.arange(20, 120, 20), 16))  # five buckets of one batch each
    orders = [[sampler.batch_samples(5 * epoch + step, 16) for step in range(5)] for epoch in range(6)]
    assert len({tuple(order) for order in orders}) > 2


def test_an_empty_corpus_or_utterance_is_refused() -> None:
    for lengths in (np.array([], dtype=np.int64), np.array([5, 0])):
        with pytest.raises(VqaudioError, match="at least one utterance and no empty one"):
            CropSampler(lengths, lengths, crop_samples=10, seed=0, augmentation=Augmentation())


def bucketed(lengths: np.ndarray, seed: int = 0) -> CropSampler:
    return CropSampler(
        lengths, np.arange(len(lengths)), crop_samples=CROP, seed=seed, augmentation=Augmentation(), bucket_samples=20
    )


MANY = np.random.default_rng(5).integers(10, 140, 1003)


@pytest.mark.parametrize("batch_size", [1, 8, 64, 1003, 2500])
def test_buckets_visit_the_same_utterances_in_every_epoch(batch_size: int) -> None:
    sampler = bucketed(MANY)
    steps = range(3 * sampler.num_crops // batch_size + 1)
    visited = np.concatenate([sampler.utterances_at(step, batch_size) for step in steps])
    for epoch in range(3):
        part = visited[epoch * sampler.num_crops : (epoch + 1) * sampler.num_crops]
        assert np.array_equal(np.sort(part), np.arange(len(MANY)))


def test_a_bucketed_batch_holds_one_bucket_but_for_a_few_on_the_borders() -> None:
    sampler, num_mixed, mean_lengths = bucketed(MANY), 0, []
    for step in range(5 * sampler.num_crops // 16):
        buckets = -(-np.minimum(MANY[sampler.utterances_at(step, 16)], CROP) // 20)
        num_mixed += len(np.unique(buckets)) > 1
        assert sampler.batch_samples(step, 16) == 20 * buckets.max()
        mean_lengths.append(buckets.mean())
    assert num_mixed <= 5 * 4  # five epochs, four borders between five buckets
    assert abs(np.corrcoef(mean_lengths[1:], mean_lengths[:-1])[0, 1]) < 0.15  # batches come in random order


def test_a_bucketed_step_drawn_alone_equals_the_step_drawn_in_a_run_and_differs_by_seed() -> None:
    running = bucketed(MANY)
    for step in range(200):
        drawn = running.positions(step, 16)
    for field, again in zip(drawn, bucketed(MANY).positions(199, 16), strict=True):
        assert np.array_equal(field, again)
    assert not np.array_equal(drawn.starts, bucketed(MANY, seed=1).positions(199, 16).starts)


def test_one_bucketed_sampler_serves_batches_of_several_sizes_as_one_of_each_would() -> None:
    both = bucketed(MANY)
    for batch_size in (16, 8, 16):
        drawn, fresh = both.positions(3, batch_size), bucketed(MANY).positions(3, batch_size)
        assert np.array_equal(drawn.starts, fresh.starts)
        assert both.batch_samples(3, batch_size) == bucketed(MANY).batch_samples(3, batch_size)


def test_a_bucket_longer_than_a_crop_is_refused() -> None:
    whole = CropSampler(MANY, MANY, crop_samples=CROP, seed=0, augmentation=Augmentation(), bucket_samples=CROP)
    assert whole.batch_samples(0, 4) == CROP
    for bucket_samples in (0, CROP + 1):
        with pytest.raises(VqaudioError, match=r"bucket_samples must be 1 to crop_samples \(100\)"):
            CropSampler(
                MANY, MANY, crop_samples=CROP, seed=0, augmentation=Augmentation(), bucket_samples=bucket_samples
            )
