"""Unsupervised affine adaptation of each recording to shared clusters: it removes voice and channel."""

import torch
from torch import Tensor

from vqaudio.quantizers.search import nearest_codes

NUM_ITERATIONS = 3
RIDGE_FRAMES = 500.0  # weight of the identity map, in frames
SHIFT_SHARE = 0.1  # of that weight, for the mean: a shift needs less evidence than a rotation


def adapt_affine(points: Tensor, is_counted: Tensor, centres: Tensor) -> Tensor:
    """Adapt the points of each recording by one affine map, so that they lie about the centres nearest to them.

    points: `b t d`, is_counted: `b t`, which of them decide about the map, centres: `v d`.  The map is found the other
    way round, as the regression of the points on their centres, so that it does not draw all points together.
    Source: maximum likelihood linear regression, Leggetter and Woodland 1995 (10.1006/csla.1995.0010), of the means
    with equal variances; without labels, the nearest centre takes the place of the state.
    """
    size = points.shape[-1]
    weights = is_counted.to(points)[:, :, None]
    ridge = RIDGE_FRAMES * torch.ones(size + 1).to(points)
    ridge[-1] *= SHIFT_SHARE
    identity = torch.eye(size + 1, size).to(points) * ridge[:, None]
    moved = points
    for _ in range(NUM_ITERATIONS):
        near = centres[nearest_codes(moved.flatten(0, 1).contiguous(), centres)].view_as(points)
        near = torch.cat([near, torch.ones_like(weights)], dim=-1) * weights
        mapping = torch.linalg.solve(near.mT @ near + torch.diag(ridge), near.mT @ points + identity)
        moved = torch.linalg.solve(mapping[:, :size], points - mapping[:, size:], left=False)
    return moved
