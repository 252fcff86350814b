"""Which code every frame of a training batch takes, and what the codebook learns from it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from vqaudio.quantizers.distances import frame_error
from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code


class Assignment(NamedTuple):
    """What frames `n d` and a codebook `v d` make of each other.

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
