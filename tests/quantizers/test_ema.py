"""The EMA quantizer's commitment, gradients and options."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer


def test_commitment_is_the_mean_squared_error_and_moves_the_input_only():
    quantizer = EmaQuantizer(4, 16).eval()
    vectors = torch.randn(10, 4, requires_grad=True)
    found = quantizer(vectors)
    difference = vectors.detach() - quantizer.decode(found.codes)
    assert_close(found.commitment, difference.square().mean())
    found.commitment.backward()
    assert vectors.grad is not None
    assert_close(vectors.grad, 2 * difference / difference.numel())


def test_commitment_with_a_mask_is_the_mean_over_real_frames():
    quantizer = EmaQuantizer(4, 16).eval()
    vectors, mask = torch.randn(3, 10, 4), torch.rand(3, 10) < 0.5
    assert_close(quantizer(vectors, mask).commitment, quantizer(vectors[mask]).commitment)


def test_normalised_codes_lie_on_the_sphere_and_ignore_loudness():
    quantizer = EmaQuantizer(8, 16, l2_normalized=True).train()
    vectors = torch.randn(200, 8)
    quantizer(vectors)
    quantizer.eval()
    assert_close(quantizer.decode(torch.arange(16).unsqueeze(1)).norm(dim=1), torch.ones(16))
    assert torch.equal(quantizer.encode(vectors), quantizer.encode(8 * vectors))  # a power of two rounds alike


def test_training_keeps_all_codes_alive_on_data_from_a_collapsed_start():
    quantizer = EmaQuantizer(4, 64, kmeans_iterations=0).train()
    quantizer.codebook.sums.fill_(100.0)
    for _ in range(100):
        quantizer(torch.randn(500, 4))
    quantizer.reset_statistics()
    for _ in range(10):
        quantizer(torch.randn(500, 4))
    assert quantizer.statistics()[0].usage > 0.95


def test_the_first_batch_starts_the_codebook_by_kmeans():
    vectors = torch.randn(2000, 4)
    errors = []
    for num_iterations in (0, 10):
        quantizer = EmaQuantizer(4, 64, kmeans_iterations=num_iterations, dead_code_threshold=0.0).train()
        errors.append(float(quantizer(vectors).commitment))
    assert errors[1] < 0.25 * errors[0]


def test_codes_can_be_renamed(assert_same_but_for_ties):
    quantizer = EmaQuantizer(4, 16).train()
    vectors = torch.randn(200, 4)
    quantizer(vectors)
    codes, order = quantizer.eval().encode(vectors), torch.randperm(16)
    quantizer.codebook.counts.copy_(quantizer.codebook.counts[order])
    quantizer.codebook.sums.copy_(quantizer.codebook.sums[order])
    assert_same_but_for_ties(quantizer.encode(vectors), order.argsort()[codes], vectors, quantizer.codebook.vectors)


@pytest.mark.parametrize("options", [{}, {"projection_width": 3, "l2_normalized": True}])
def test_logits_are_largest_at_the_code_and_have_gradients(options):
    quantizer = EmaQuantizer(4, 16, **options).eval()
    vectors = torch.randn(2, 30, 4, requires_grad=True)
    logits = quantizer.logits(vectors)
    assert_close(logits.gather(2, quantizer.encode(vectors))[..., 0], logits.amax(dim=-1))
    logits.sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.any()


def test_logits_are_negative_squared_distances():
    quantizer = EmaQuantizer(4, 16).eval()
    vectors, codebook = torch.randn(30, 4), quantizer.decode(torch.arange(16).unsqueeze(1))
    assert_close(quantizer.logits(vectors), -torch.cdist(vectors, codebook).square(), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("options", [{"decay": 1.0}, {"dead_code_threshold": 1.0}, {"codebook_size": 1}, {"width": 0}])
def test_values_out_of_range_are_refused(options):
    with pytest.raises(VqaudioError, match="wanted"):
        EmaQuantizer(**{"width": 4, "codebook_size": 16, **options})
