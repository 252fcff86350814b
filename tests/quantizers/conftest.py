"""Codes of two ways to one end, where vectors lie between two codes."""

import pytest
import torch
from torch import Tensor

NEAR_TIE = 1e-4


@pytest.fixture
def assert_same_but_for_ties():
    """Two lists of codes `n` of vectors `n d` are the same but where two codes `v d` are as near but for rounding."""

    def check(codes: Tensor, others: Tensor, vectors: Tensor, codebook: Tensor) -> None:
        distances = torch.cdist(vectors.double(), codebook.double())
        one, other = (distances.gather(1, found.reshape(-1, 1)) for found in (codes, others))
        torch.testing.assert_close(one, other, atol=0, rtol=NEAR_TIE)
        assert (codes.flatten() == others.flatten()).double().mean() > 0.98

    return check


@pytest.fixture
def away_from_ties():
    """Vectors `... d` of which a quantizer's two nearest codes are told apart by more than rounding."""

    def moved(quantizer, vectors: Tensor) -> Tensor:
        with torch.no_grad():
            flat = vectors.reshape(-1, vectors.shape[-1])
            nearest, second = quantizer.logits(flat).topk(2, dim=1).values.unbind(dim=1)
            gap = nearest - second
            is_clear = (gap > NEAR_TIE * (1 + second.abs())) | (gap == 0)  # the same code twice: the lower one is taken
            assert is_clear.double().mean() > 0.9
            return torch.where(is_clear[:, None], flat, flat[is_clear][0]).view_as(vectors)

    return moved
