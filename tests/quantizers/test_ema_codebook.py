"""The moving average follows its formulas; the two copied bugs, kept here in their copied form, do not pass."""

import copy

import pytest
import torch
from torch.testing import assert_close

from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.ema_codebook import EPSILON, EmaCodebook
from vqaudio.quantizers.kmeans import kmeans
from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code


def make_codebook(width=4, size=8, **options):
    settings = {"decay": 0.99, "l2_normalized": False, "dead_code_threshold": 0.0, "kmeans_iterations": 0}
    return EmaCodebook(width, size, **{**settings, **options})


def clusters(num_codes=8, width=4, per_cluster=50, spread=0.01):
    """Well separated cluster centres `v d` and frames `n d` around them."""
    centres = torch.randn(num_codes, width) * 10
    frames = centres.repeat_interleave(per_cluster, dim=0)
    return centres, frames + spread * torch.randn_like(frames)


def learn(codebook, frames, codes):
    size = len(codebook.counts)
    return codebook.update(frames, count_codes(codes, size), sum_by_code(frames, codes, size))


def step(codebook, frames):
    learn(codebook, frames, nearest_codes(frames, codebook.vectors))


def test_one_step_follows_the_formulas_of_the_paper():
    codebook = make_codebook(decay=0.9)
    frames, codes = torch.randn(100, 4), torch.randint(8, (100,))
    old_counts, old_sums = codebook.counts.double(), codebook.sums.double()
    learn(codebook, frames, codes)
    one_hot = torch.nn.functional.one_hot(codes, 8).double()
    counts = 0.9 * old_counts + 0.1 * one_hot.sum(0)
    sums = 0.9 * old_sums + 0.1 * one_hot.t() @ frames.double()
    smoothed = (counts + EPSILON) / (counts.sum() + 8 * EPSILON) * counts.sum()
    assert_close(codebook.counts.double(), counts, atol=1e-5, rtol=1e-5)
    assert_close(codebook.vectors.double(), sums / smoothed.unsqueeze(1), atol=1e-5, rtol=1e-5)


def test_smoothing_keeps_the_total_count():
    """The tutorial form divides by n + c * eps, a vector: its smoothed counts do not sum to N."""
    codebook = make_codebook(width=1, size=512)
    codebook.counts.copy_(torch.rand(512))
    codebook.sums.copy_(torch.ones(512, 1))
    smoothed = 1 / codebook.vectors.squeeze(1)
    assert_close(smoothed.sum(), codebook.counts.sum())


def test_means_of_clusters_are_a_fixed_point():
    _, frames = clusters()
    means = frames.view(8, 50, 4).mean(dim=1)
    codebook = make_codebook()
    codebook.counts.fill_(50)
    codebook.sums.copy_(means * 50)
    for _ in range(20):
        step(codebook, frames)
    assert_close(codebook.vectors, means, atol=1e-4, rtol=1e-5)


def test_codes_come_to_lie_on_the_means_of_their_clusters():
    centres, frames = clusters()
    codebook = make_codebook(decay=0.5)
    codebook.sums.copy_(centres + 0.5)
    for _ in range(40):
        step(codebook, frames)
    assert_close(codebook.vectors, frames.view(8, 50, 4).mean(dim=1), atol=1e-4, rtol=1e-4)


# ---- copied bug (a): revival that overwrites the vectors, which the sums then overwrite ----------------------------


class CopiedRevival:
    """The form many codecs copied: vectors are stored beside the sums, and only they are revived."""

    def __init__(self, like):
        self.counts, self.sums, self.vectors = like.counts.clone(), like.sums.clone(), like.vectors.clone()

    def update(self, frames, counts, sums):
        self.counts = 0.99 * self.counts + 0.01 * counts
        self.sums = 0.99 * self.sums + 0.01 * sums
        is_dead = (self.counts < 0.1 * self.counts.mean()).unsqueeze(1)
        self.vectors = torch.where(is_dead, frames[torch.randint(len(frames), (len(self.counts),))], self.vectors)
        self.vectors = self.sums / (self.counts + EPSILON).unsqueeze(1)


def is_revived(codebook, frames):
    """Whether the dead half of the codes lies on frames after a step, so that the next search can find it."""
    step(codebook, frames)
    return bool((torch.cdist(codebook.vectors[4:], frames).amin(dim=1) < 0.1).all())


def test_revival_outlives_the_update_and_the_copied_form_does_not():
    _, frames = clusters()
    codebook = make_codebook(dead_code_threshold=0.1)
    codebook.counts.copy_(torch.tensor(4 * [50.0] + 4 * [0.001]))
    codebook.sums.copy_(codebook.counts.unsqueeze(1) * torch.cat([frames[:200:50], torch.full((4, 4), 1000.0)]))
    copied = CopiedRevival(codebook)
    assert is_revived(codebook, frames)
    assert not is_revived(copied, frames)


def test_a_revived_code_has_the_mean_count():
    codebook = make_codebook(dead_code_threshold=0.1)
    codebook.counts[0] = 0.001
    learn(codebook, torch.randn(20, 4), torch.arange(1, 8).repeat(3)[:20])
    assert codebook.counts[0] > 0.5 * codebook.counts.mean()


@pytest.mark.parametrize("times", [1, 100])
def test_revival_does_not_depend_on_the_batch_size(times):
    codebook = make_codebook(dead_code_threshold=0.1)
    codebook.counts.copy_(times * torch.tensor([0.05, 0.2, 1, 1, 1, 1, 1, 1]))
    codebook.sums.zero_()
    codes = torch.arange(1, 8).repeat_interleave(10).repeat(times)
    learn(codebook, torch.ones(70 * times, 4), codes)
    is_moved_onto_a_frame = (codebook.vectors - 1).abs().amax(dim=1) < 1e-3
    assert is_moved_onto_a_frame.tolist() == [True] + 7 * [False]


# ---- copied bug (b): a k-means start that stores means, not means times counts -------------------------------------


def copied_start(codebook, frames):
    """The form many codecs copied: the sums get the means, the counts get the counts."""
    counts, sums = kmeans(frames, codebook.codebook_size, 10)
    codebook.counts.copy_(counts)
    codebook.sums.copy_(sums / counts.unsqueeze(1))


def error_after_start(start, frames):
    codebook = make_codebook(kmeans_iterations=10)
    start(codebook, frames)
    step(codebook, frames)
    codes = nearest_codes(frames, codebook.vectors)
    return (frames - codebook.vectors[codes]).square().mean() / frames.var()


def test_kmeans_start_survives_the_first_update_and_the_copied_form_does_not():
    _, frames = clusters(per_cluster=500, spread=1.0)
    assert error_after_start(EmaCodebook.start, frames) < 0.1
    assert not error_after_start(copied_start, frames) < 0.1


def test_kmeans_start_works_with_fewer_frames_than_codes():
    codebook = make_codebook(size=64, kmeans_iterations=5)
    frames = torch.randn(10, 4)
    codebook.start(frames)
    assert codebook.has_started()
    assert torch.cdist(codebook.vectors, frames).amin(dim=1).max() < 1e-3


def test_a_batch_with_nan_changes_nothing():
    codebook = make_codebook(dead_code_threshold=0.1, kmeans_iterations=3)
    codebook.start(torch.full((20, 4), float("nan")))
    assert not codebook.has_started()
    before = {name: value.clone() for name, value in codebook.state_dict().items()}
    learn(codebook, torch.full((20, 4), float("nan")), torch.zeros(20, dtype=torch.int64))
    assert_close(codebook.state_dict(), before, atol=0, rtol=0)


def test_loading_a_state_from_before_the_start_starts_again():
    codebook = make_codebook(kmeans_iterations=1)
    fresh = {name: value.clone() for name, value in codebook.state_dict().items()}
    codebook.start(torch.randn(100, 4))
    assert codebook.has_started()
    codebook.load_state_dict(fresh)
    assert not codebook.has_started()


def test_kept_vectors_follow_every_change_of_counts_and_sums():
    torch.manual_seed(0)
    quantizer, other = EmaQuantizer(3, 8).train(), EmaQuantizer(3, 8).train()
    quantizer(torch.randn(100, 3))
    other(torch.randn(100, 3))
    codebook = quantizer.eval().codebook
    with torch.inference_mode():
        before = codebook.vectors
    assert codebook.vectors is before
    codebook.sums.mul_(2)
    torch.testing.assert_close(codebook.vectors, 2 * before)
    quantizer.load_state_dict(other.state_dict())
    torch.testing.assert_close(codebook.vectors, other.eval().codebook.vectors)
    latents = torch.randn(5, 3, requires_grad=True)
    quantizer.logits(latents).sum().backward()  # what was kept in inference mode serves a gradient too
    assert latents.grad is not None
    codebook.double()
    assert codebook.vectors.dtype == torch.float64


def test_a_batch_in_parts_moves_the_codes_once_and_like_the_whole():
    torch.manual_seed(0)
    whole = EmaQuantizer(2, 8, dead_code_threshold=0.5).train()
    whole(torch.randn(100, 2))
    parted = copy.deepcopy(whole)
    parted.codebook.num_parts = 3
    vectors = torch.randn(90, 2)
    torch.manual_seed(1)
    whole(vectors)
    torch.manual_seed(1)
    before = parted.codebook.vectors
    for number, part in enumerate(vectors.split(30)):
        assert torch.equal(parted.codebook.vectors, before), number
        parted(part)
    assert not torch.equal(parted.codebook.vectors, before)
    assert_close(parted.codebook.sums, whole.codebook.sums)
    assert_close(parted.codebook.counts, whole.codebook.counts)
    assert parted.statistics()[0].num_frames == 190


@pytest.mark.parametrize("size", [1, 8])
def test_a_start_on_the_first_part_weighs_as_much_as_one_on_the_whole_batch(size):
    """The parts are alike and so few that no sample is drawn; where codes lie may differ, not what they weigh."""
    part = torch.randn(5 * size, 4)
    whole, parted = make_codebook(size=size, kmeans_iterations=5), make_codebook(size=size, kmeans_iterations=5)
    parted.num_parts = 3
    whole.start(part.repeat(3, 1))
    parted.start(part)
    assert_close(parted.counts.sum(), whole.counts.sum())
    assert_close(parted.sums.sum(dim=0), whole.sums.sum(dim=0), atol=1e-3, rtol=1e-4)
    assert_close(parted.sums.sum(dim=0) / parted.counts.sum(), part.mean(dim=0), atol=1e-4, rtol=1e-4)
    assert_close(whole.counts.sum(), torch.tensor(15.0 * size))


def test_a_start_on_a_sample_of_a_large_batch_has_the_counts_of_the_batch():
    codebook = make_codebook(size=2, kmeans_iterations=5)
    frames = torch.randn(1_000, 4) + 3
    codebook.start(frames)
    assert_close(codebook.counts.sum(), torch.tensor(1_000.0))
    assert_close(codebook.sums.sum(dim=0) / 1_000, torch.full((4,), 3.0), atol=0.8, rtol=0)
