"""Levels, codes and grid points of finite scalar quantization."""

import math
from itertools import product
from math import prod

import pytest
import torch
from torch.testing import assert_close

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.finite_scalar import MARGIN, FiniteScalarQuantizer

LEVELS = [(2,), (3, 4), (8, 5, 5), (7, 2, 6, 3)]


@pytest.mark.parametrize("levels", LEVELS)
def test_codes_and_grid_points_are_one_to_one(levels):
    quantizer = FiniteScalarQuantizer(len(levels), levels)
    codes = torch.arange(quantizer.codebook_size).unsqueeze(1)
    points = {tuple(point) for point in quantizer.decode(codes).tolist()}
    steps = [[(i - n // 2) / (n // 2) for i in range(n)] for n in levels]
    assert len(points) == prod(levels)
    assert_close(torch.tensor(sorted(points)), torch.tensor(sorted(product(*steps))))


@pytest.mark.parametrize("levels", LEVELS)
def test_every_code_is_reached_and_none_beyond(levels):
    quantizer = FiniteScalarQuantizer(len(levels), levels)
    quantizer(20 * torch.randn(50, len(levels)))
    ranges = [torch.linspace(-6, 6, 60 if len(levels) < 4 else 25)] * len(levels)
    found = quantizer(torch.cartesian_prod(*ranges).reshape(-1, len(levels)))
    assert found.codes.unique().tolist() == list(range(quantizer.codebook_size))
    assert quantizer.statistics()[0].usage == 1.0


@pytest.mark.parametrize("levels", LEVELS)
def test_zero_stays_zero(levels):
    quantizer = FiniteScalarQuantizer(len(levels), levels)
    assert not quantizer(torch.zeros(1, len(levels))).vectors.any()


def test_the_gradient_is_that_of_the_bounded_vector():
    quantizer = FiniteScalarQuantizer(2, [5, 5])
    vectors = torch.randn(20, 2, requires_grad=True)
    quantizer(vectors).vectors.sum().backward()
    assert vectors.grad is not None
    # (tanh(x) * 2.002) / 2
    assert_close(vectors.grad, 1.001 * (1 - vectors.detach().tanh().square()))


def test_a_stretched_vector_moves_every_digit_upwards():
    quantizer = FiniteScalarQuantizer(3, [8, 5, 4])
    line = torch.linspace(-4, 4, 100).unsqueeze(1).expand(100, 3)
    values = quantizer(line).vectors
    assert (values.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("levels", [[], [1, 5]])
def test_too_few_levels_are_refused(levels):
    with pytest.raises(VqaudioError, match="2 levels or more"):
        FiniteScalarQuantizer(4, levels)


@pytest.mark.parametrize("num_levels", [2, 3, 4, 5, 8])
def test_codes_change_where_the_paper_says(num_levels):
    """Half way between two levels of the bounded value: Mentzer et al. 2023, arXiv:2309.15505, appendix A.1."""
    quantizer = FiniteScalarQuantizer(1, [num_levels])
    line = torch.linspace(-6, 6, 24_001)
    codes = quantizer.encode(line.unsqueeze(1))[:, 0]
    found = line[1:][codes.diff() != 0]
    reach, offset = (num_levels - 1) * (1 + MARGIN) / 2, 0.5 * (num_levels % 2 == 0)
    borders = torch.arange(num_levels - 1) - num_levels // 2 + 0.5
    wanted = torch.atanh((borders + offset) / reach) - math.atanh(offset / reach)
    assert_close(found, wanted, atol=2e-3, rtol=0)
