"""A stack of codebooks: coarse to fine, one gradient, dropout per sample."""

import copy

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.residual import ResidualQuantizer

WIDTH, DEPTH = 4, 4


@pytest.fixture
def stack():
    return trained_stack()


def trained_stack(**options):
    layers = [EmaQuantizer(WIDTH, 16, kmeans_iterations=3) for _ in range(DEPTH)]
    stack = ResidualQuantizer(layers, **options).train()
    for _ in range(5):
        stack(torch.randn(8, 100, WIDTH))
    return stack


def test_more_codebooks_never_raise_the_error(stack):
    vectors = torch.randn(8, 100, WIDTH)
    stack(vectors)
    codes = stack.eval().encode(vectors)
    errors = [float((vectors - stack.decode(codes[..., :k])).square().mean()) for k in range(1, DEPTH + 1)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.25 * errors[0]


def test_fewer_codebooks_are_the_first_of_all(stack):
    vectors = torch.randn(2, 30, WIDTH)
    assert torch.equal(stack.encode(vectors, num_codebooks=2), stack.encode(vectors)[..., :2])


def test_the_vector_is_the_sum_of_the_layers(stack):
    codes = stack.encode(torch.randn(2, 30, WIDTH))
    parts = [layer.decode(codes[..., i : i + 1]) for i, layer in enumerate(stack.layers)]
    assert_close(stack.decode(codes), torch.stack(parts).sum(dim=0))


def test_commitment_is_the_mean_over_layers_of_what_each_leaves_over(stack):
    vectors = torch.randn(2, 30, WIDTH, requires_grad=True)
    found = stack.eval()(vectors)
    differences = [vectors.detach() - stack.decode(found.codes[..., :k]) for k in range(1, DEPTH + 1)]
    assert_close(found.commitment.detach(), torch.stack(differences).square().mean())
    found.commitment.backward()
    assert vectors.grad is not None
    assert_close(vectors.grad, 2 * torch.stack(differences).sum(dim=0) / (vectors.numel() * DEPTH))


def test_codebooks_by_gradient_learn_their_own_layer_only():
    """Layer 2's loss must not reach codebook 1 through what is left over."""
    layers = [GradientQuantizer(WIDTH, 16, beta=0.0) for _ in range(2)]
    vectors = torch.randn(50, WIDTH)
    ResidualQuantizer(layers)(vectors).commitment.backward()
    alone = GradientQuantizer(WIDTH, 16, beta=0.0)
    alone.load_state_dict({"vectors": layers[0].vectors.detach()})
    alone(vectors).commitment.backward()
    assert layers[0].vectors.grad is not None
    assert alone.vectors.grad is not None
    assert_close(layers[0].vectors.grad, alone.vectors.grad / 2)


def test_dropout_leaves_every_sample_its_first_codebooks():
    stack = trained_stack(dropout=1.0)
    vectors = torch.randn(200, 5, WIDTH)
    before = copy.deepcopy(stack)  # the codes move in the step that uses them
    found = stack(vectors)
    prefixes = torch.stack([before.decode(found.codes[..., :k]) for k in range(1, DEPTH + 1)])
    is_prefix = (found.vectors - prefixes).abs().amax(dim=(2, 3)) < 1e-5
    assert is_prefix.any(dim=0).all()
    assert is_prefix.sum(dim=1).min() > 20  # each number of codebooks at about 50 of 200 samples


@pytest.mark.parametrize("shares", [{"dropout": 1.0}, {"unquantized": 1.0}])
def test_neither_dropout_nor_unquantized_samples_touch_the_statistics_and_the_gradient(shares):
    stack = trained_stack(**shares)
    stack.reset_statistics()
    vectors, gradient = torch.randn(8, 5, WIDTH, requires_grad=True), torch.randn(8, 5, WIDTH)
    stack(vectors).vectors.backward(gradient)
    assert [usage.num_frames for usage in stack.statistics()] == [40] * DEPTH
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, gradient)


def test_dropout_is_off_in_evaluation():
    stack = trained_stack(dropout=1.0).eval()
    vectors = torch.randn(8, 5, WIDTH)
    found = stack(vectors)
    assert torch.equal(found.vectors, stack.decode(found.codes))


@pytest.mark.parametrize("dropout", [0.0, 1.0])
def test_some_samples_keep_their_own_vectors_with_what_comes_late_and_the_others_get_codes(dropout):
    stack, vectors, late = stack_with_late(dropout=dropout)
    stack.unquantized = 0.5
    own = (stack(vectors, None, late).vectors - vectors - late).abs().amax(dim=(1, 2)) < 1e-5
    assert 10 < int(own.sum()) < 50  # of 60, each by the toss of a coin
    assert not ((stack.eval()(vectors, None, late).vectors - vectors - late).abs().amax(dim=(1, 2)) < 1e-5).any()


@pytest.mark.parametrize("shares", [(1.5, 0.0), (0.0, -0.5)])
def test_a_share_that_is_no_probability_is_refused(shares):
    layers = [EmaQuantizer(WIDTH, 16), EmaQuantizer(WIDTH, 16)]
    with pytest.raises(VqaudioError, match="is a probability"):
        ResidualQuantizer(layers, dropout=shares[0], unquantized=shares[1])


def test_dropped_layers_add_nothing_to_the_commitment():
    full, dropping = trained_stack(), trained_stack(dropout=1.0)
    dropping.load_state_dict(full.state_dict())
    vectors = torch.randn(64, 20, WIDTH)
    assert dropping(vectors).commitment < full(vectors).commitment


def test_a_projected_stack_has_one_straight_step_for_the_sum():
    layers = [EmaQuantizer(WIDTH, 16, projection_width=2, kmeans_iterations=1) for _ in range(3)]
    vectors, gradient = torch.randn(2, 50, WIDTH, requires_grad=True), torch.randn(2, 50, WIDTH)
    ResidualQuantizer(layers)(vectors).vectors.backward(gradient)
    assert vectors.grad is not None
    assert torch.equal(vectors.grad, gradient)


def test_what_a_layer_leaves_over_is_detached_from_its_projections():
    layers = [EmaQuantizer(WIDTH, 16, projection_width=2, kmeans_iterations=1) for _ in range(3)]
    ResidualQuantizer(layers)(torch.randn(2, 50, WIDTH)).commitment.backward()
    assert all(parameter.grad is None for layer in layers for parameter in layer.project_out.parameters())


def stack_with_late(**options):
    """A stack that has learned vectors and what comes late, and both."""
    stack = trained_stack(**options)
    for _ in range(20):
        stack(torch.randn(8, 100, WIDTH), None, 3 * torch.randn(8, 100, 1) * torch.ones(WIDTH))
    return stack, torch.randn(60, 10, WIDTH), 3 * torch.randn(60, 10, 1) * torch.ones(WIDTH)


def test_the_first_code_does_not_know_what_comes_late_and_the_others_do():
    stack, vectors, late = stack_with_late()
    plain, moved = stack.encode(vectors), stack.encode(vectors, level_offset=late)
    assert torch.equal(moved[..., 0], plain[..., 0])
    assert (moved[..., 1] != plain[..., 1]).float().mean() > 0.5


def test_all_codes_together_stand_for_the_vectors_and_what_comes_late():
    stack, vectors, late = stack_with_late()
    decoded = stack.eval()(vectors, None, late).vectors
    assert (decoded - vectors - late).square().mean() < 0.1 * late.square().mean()
    assert (decoded - vectors).square().mean() > 0.5 * late.square().mean()


def test_encoding_with_something_late_gives_the_codes_of_the_pass_that_learns():
    stack, vectors, late = stack_with_late()
    mask = torch.rand(60, 10) < 0.8
    codes = stack.eval()(vectors, mask, late).codes
    assert torch.equal(codes[mask], stack.encode(vectors, level_offset=late)[mask])
    assert torch.equal(stack.encode(vectors, 2, late)[mask], codes[mask][:, :2])


def test_a_sample_with_one_codebook_sends_no_gradient_to_what_comes_late():
    stack, vectors, late = stack_with_late(dropout=1.0)
    before, gradient = copy.deepcopy(stack), torch.randn(60, 10, WIDTH)
    vectors.requires_grad_()
    late.requires_grad_()
    found = stack(vectors, None, late)
    has_one = (found.vectors - before.decode(found.codes[..., :1])).abs().amax(dim=(1, 2)) < 1e-5
    assert 5 < has_one.sum() < 30  # each number of codebooks at about 15 of 60 samples
    torch.autograd.backward([found.vectors, found.commitment], [gradient, torch.ones(())])
    assert late.grad is not None
    assert vectors.grad is not None
    assert late.grad[has_one].count_nonzero() == 0
    assert vectors.grad[has_one].count_nonzero() > 0
    assert late.grad[~has_one].count_nonzero() > 0


@pytest.mark.parametrize("layers", [[], [EmaQuantizer(4, 8), EmaQuantizer(4, 16)]])
def test_layers_that_do_not_fit_are_refused(layers):
    with pytest.raises(VqaudioError, match="same width"):
        ResidualQuantizer(layers)
