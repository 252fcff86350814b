"""What gradients become on their way past the rounding."""

import pytest
import torch
from torch.testing import assert_close

from vqaudio.quantizers.assignment import frame_error
from vqaudio.quantizers.straight_through import rotate_to, straight_through, straight_through_with_error


def test_straight_through_passes_gradients_unchanged():
    vectors, quantized = torch.randn(5, 4, requires_grad=True), torch.randn(5, 4)
    gradient = torch.randn(5, 4)
    straight_through(vectors, quantized).backward(gradient)
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, gradient)


@pytest.mark.parametrize("cross", [straight_through, rotate_to])
def test_the_value_is_the_code_bit_for_bit(cross):
    vectors, quantized = torch.randn(50, 8, requires_grad=True), torch.randn(50, 8)
    assert torch.equal(cross(vectors, quantized), quantized)


def test_gradients_also_reach_a_code_that_wants_them():
    vectors, quantized = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    straight_through(vectors, quantized).backward(torch.ones(3, 2))
    assert vectors.grad is not None
    assert quantized.grad is not None
    assert torch.equal(vectors.grad, quantized.grad)


def test_rotation_keeps_the_angle_between_gradient_and_vector_and_scales_by_the_norms():
    vectors, quantized = torch.randn(50, 8, requires_grad=True), torch.randn(50, 8)
    gradient = torch.randn(50, 8)
    rotate_to(vectors, quantized).backward(gradient)
    assert vectors.grad is not None
    angle = torch.cosine_similarity(gradient, quantized)
    assert_close(torch.cosine_similarity(vectors.grad, vectors.detach()), angle, atol=1e-5, rtol=1e-4)
    scale = quantized.norm(dim=1) / vectors.detach().norm(dim=1)
    assert_close(vectors.grad.norm(dim=1), scale * gradient.norm(dim=1))


def test_rotation_of_a_vector_that_is_its_own_code_is_the_identity():
    vectors = torch.randn(6, 4, requires_grad=True)
    gradient = torch.randn(6, 4)
    rotate_to(vectors, vectors.detach()).backward(gradient)
    assert vectors.grad is not None
    assert_close(vectors.grad, gradient)


def test_rotation_of_a_zero_vector_stays_finite():
    vectors = torch.zeros(2, 4, requires_grad=True)
    rotate_to(vectors, torch.ones(2, 4)).sum().backward()
    assert vectors.grad is not None
    assert vectors.grad.isfinite().all()


@pytest.mark.parametrize("uses", [(1.0, 0.0), (0.0, 1.0), (1.0, 3.0)])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_with_error_is_straight_through_and_the_frame_error_in_one(is_weighted, uses):
    weights = torch.rand(20) if is_weighted else None
    quantized, first = torch.randn(20, 5), torch.randn(20, 5, requires_grad=True)
    second = first.detach().clone().requires_grad_()
    expected = straight_through(first, quantized), frame_error(first, quantized, weights)
    found = straight_through_with_error(second, quantized, expected[1].detach(), weights)
    assert_close(found, expected)
    for vectors, error in (expected, found):
        used = [part * share for part, share in zip((vectors.square().sum(), error), uses, strict=True) if share]
        torch.stack(used).sum().backward()
    assert_close(second.grad, first.grad)
