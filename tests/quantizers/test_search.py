"""The search finds what a plain double-precision search finds, however it is cut into blocks."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.quantizers import search
from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code


@pytest.mark.parametrize(("num_codes", "width"), [(2, 3), (100, 8), (512, 16), (1024, 64), (1000, 5)])
def test_search_finds_the_nearest_code_of_a_double_precision_search(num_codes, width):
    frames, codebook = torch.randn(700, width), torch.randn(num_codes, width)
    distances = torch.cdist(frames.double(), codebook.double()).square()
    codes = nearest_codes(frames, codebook)
    excess = distances.gather(1, codes.unsqueeze(1)).squeeze(1) - distances.amin(dim=1)
    assert excess.max() < 1e-4  # another code only where float32 cannot tell the two apart
    assert (codes == distances.argmin(dim=1)).double().mean() > 0.998


@pytest.mark.parametrize("num_codes", [64, 512])
def test_search_takes_the_lowest_of_equal_codes(num_codes):
    codebook = torch.randn(num_codes // 4, 6).repeat(4, 1)
    codes = nearest_codes(codebook, codebook)
    assert torch.equal(codes, torch.arange(num_codes // 4).repeat(4))


def test_search_in_blocks_equals_search_of_the_whole(monkeypatch):
    frames, codebook = torch.randn(1001, 16), torch.randn(512, 16)
    whole = nearest_codes(frames, codebook)
    monkeypatch.setattr(search, "MIN_BLOCK_FRAMES", 7)
    monkeypatch.setattr(search, "CPU_BLOCK_SCORES", 1)
    assert torch.equal(nearest_codes(frames, codebook), whole)


def test_search_never_holds_the_matrix_of_all_scores(monkeypatch):
    largest = 0
    real_baddbmm = torch.baddbmm

    def spy(*args, **options):
        nonlocal largest
        scores = real_baddbmm(*args, **options)
        largest = max(largest, scores.numel())
        return scores

    monkeypatch.setattr(torch, "baddbmm", spy)
    nearest_codes(torch.randn(20_000, 2), torch.randn(256, 2))
    assert largest == search.CPU_BLOCK_SCORES


@pytest.mark.parametrize("num_frames", [1, 7, 8, 129, 515])
def test_a_frame_gets_its_code_whatever_the_number_of_frames(num_frames):
    frames, codebook = torch.randn(600, 16), torch.randn(100, 16)
    assert torch.equal(nearest_codes(frames[:num_frames], codebook), nearest_codes(frames, codebook)[:num_frames])


def test_frames_may_lie_in_memory_in_any_order():
    frames, codebook = torch.randn(16, 600).t(), torch.randn(100, 16)
    assert torch.equal(nearest_codes(frames, codebook), nearest_codes(frames.contiguous(), codebook))


def test_a_frame_that_is_not_finite_gets_some_code_and_leaves_its_neighbours_alone():
    frames, codebook = torch.randn(40, 16), torch.randn(100, 16)
    sound = nearest_codes(frames, codebook)
    frames[3], frames[5] = float("nan"), float("inf")
    codes = nearest_codes(frames, codebook)
    assert ((codes >= 0) & (codes < 100)).all()
    is_sound = frames.isfinite().all(dim=1)
    assert torch.equal(codes[is_sound], sound[is_sound])


def test_search_of_no_frames_gives_no_codes():
    assert nearest_codes(torch.empty(0, 4), torch.randn(8, 4)).shape == (0,)


def test_renaming_the_codes_renames_what_the_search_finds(assert_same_but_for_ties):
    frames, codebook, order = torch.randn(300, 8), torch.randn(512, 8), torch.randperm(512)
    renamed = order[nearest_codes(frames, codebook[order])]
    assert_same_but_for_ties(renamed, nearest_codes(frames, codebook), frames, codebook)


def test_counts_and_sums_are_those_of_a_one_hot_product():
    frames, codes = torch.randn(500, 8), torch.randint(40, (500,))
    one_hot = torch.nn.functional.one_hot(codes, 50).double()
    assert_close(count_codes(codes, 50).double(), one_hot.sum(0))
    assert_close(sum_by_code(frames, codes, 50).double(), one_hot.t() @ frames.double(), atol=1e-5, rtol=1e-5)
