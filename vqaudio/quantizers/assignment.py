"""Assignment of training frames to codes: nearest codes, quantization error, and the counts and sums by code."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, mse_loss

from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code


class Assignment(NamedTuple):
    """The assignment of frames `n d` to the codes of a codebook `v d`.

    codes: `n` int64, the nearest of each frame.  vectors: `n d`, those codes' vectors.
    error: scalar, the frames' mean squared distance to them, as `frame_error` weighs it.
    counts: `v`, sums: `v d`, of the frames by code.
    """

    codes: Tensor
    vectors: Tensor
    error: Tensor
    counts: Tensor
    sums: Tensor


@torch.no_grad()
def assign(frames: Tensor, codebook: Tensor, weights: Tensor | None = None) -> Assignment:
    """Give every frame `n d` its nearest code of `v d`, the lowest where codes tie; weights `n`: see `frame_error`."""
    codes, num_codes = nearest_codes(frames, codebook), codebook.shape[0]
    vectors = embedding(codes, codebook)
    error = frame_error(frames, vectors, weights)
    return Assignment(codes, vectors, error, count_codes(codes, num_codes), sum_by_code(frames, codes, num_codes))


def frame_error(moved: Tensor, target: Tensor, weights: Tensor | None = None, scale: Tensor | None = None) -> Tensor:
    """Compute the mean squared error between `n d` and `n d`, with gradients; 0 where there are no frames.

    weights: `n`, each frame's share; a frame of share 0 adds 0 but counts in the mean.
    scale: scalar, `ddp_loss_scale` where several processes train together.
    """
    if moved.shape[0] == 0:
        return moved.sum()
    factor = 1.0 if scale is None else scale
    if weights is None:
        return mse_loss(moved, target) * factor
    return ((moved - target).square().mean(dim=1) * weights).mean() * factor


def squared_distances(vectors: Tensor, codebook: Tensor) -> Tensor:
    """Compute squared distances `... v` of vectors `... d` to codes `v d`, with gradients; it holds them all."""
    norms = vectors.square().sum(dim=-1, keepdim=True)
    return norms - 2 * vectors @ codebook.t() + codebook.square().sum(dim=1)
