"""Equation 3 of van den Oord et al."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.gradient import GradientQuantizer


def test_the_start_is_uniform_within_one_over_the_size():
    vectors = GradientQuantizer(64, 512).vectors.detach() * 512
    assert vectors.abs().max() <= 1
    assert_close(vectors.std(), torch.tensor(3**-0.5), atol=0.01, rtol=0)


def test_the_loss_moves_codes_by_the_codebook_term_and_input_by_beta_times_commitment():
    quantizer = GradientQuantizer(4, 16, beta=0.3)
    vectors = torch.randn(10, 4, requires_grad=True)
    found = quantizer(vectors)
    found.commitment.backward()
    difference = vectors.detach() - quantizer.decode(found.codes).detach()
    expected = torch.zeros(16, 4).index_add_(0, found.codes[:, 0], -2 * difference / difference.numel())
    assert_close(found.commitment.detach(), 1.3 * difference.square().mean())
    assert quantizer.vectors.grad is not None
    assert vectors.grad is not None
    assert_close(quantizer.vectors.grad, expected)
    assert_close(vectors.grad, 0.3 * 2 * difference / difference.numel())


def test_the_decoder_does_not_move_the_codes():
    quantizer = GradientQuantizer(4, 16)
    quantizer(torch.randn(10, 4, requires_grad=True)).vectors.sum().backward()
    assert quantizer.vectors.grad is None


def test_descent_lowers_the_error_on_clusters():
    quantizer, frames = GradientQuantizer(4, 16), torch.randn(16, 4).repeat(20, 1)
    losses = []
    for _ in range(40):
        loss = quantizer(frames).commitment
        (slope,) = torch.autograd.grad(loss, [quantizer.vectors])
        with torch.no_grad():
            quantizer.vectors.sub_(10 * slope)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_values_out_of_range_are_refused():
    with pytest.raises(VqaudioError, match="wanted"):
        GradientQuantizer(4, 16, beta=-1)
