"""Distances between vectors and codes that gradients can follow."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import mse_loss


def frame_error(moved: Tensor, target: Tensor, weights: Tensor | None = None, share: Tensor | None = None) -> Tensor:
    """Mean squared error between `n d` and `n d`; 0 where there are no frames.

    weights: `n`, each frame's share; a frame of share 0 adds 0 but counts in the mean.
    share: scalar, `share_of_mean` where several processes train together.
    """
    if moved.shape[0] == 0:
        return moved.sum()
    scale = 1.0 if share is None else share
    if weights is None:
        return mse_loss(moved, target) * scale
    return ((moved - target).square().mean(dim=1) * weights).mean() * scale


def squared_distances(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Squared distances `... v` of vectors `... d` to codes `v d`; for training, as it holds them all."""
    norms = vectors.square().sum(dim=-1, keepdim=True)
    return norms - 2 * vectors @ codebook.t() + codebook.square().sum(dim=1)
