"""Distances of vectors to codes, on a scale that is the same for every codebook: what segments are found by."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.assignment import squared_distances
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.gradient import GradientQuantizer
from vqaudio.quantizers.interface import Quantizer
from vqaudio.quantizers.residual import ResidualQuantizer

BLOCK_DISTANCES = 2**24  # between codes, held at once


def scaled_distances(codebook: Tensor) -> Callable[[Tensor], Tensor]:
    """Make a function of vectors `... d` that gives their scaled distances `... v` to the codes `v d`.

    They are squared, and 1 is the typical distance of a code to its nearest neighbour: the median over the codes, which
    a few codes that lie on each other do not move.  Raises VqaudioError for a codebook most of whose codes do so.
    """
    scale = neighbour_distance(codebook)
    return lambda vectors: squared_distances(vectors.float(), codebook) / scale


def quantizer_distances(quantizer: Quantizer) -> Callable[[Tensor], Tensor]:
    """Make a function of latents `... d` that gives their scaled distances `... v` to the codes of the first codebook.

    Raises VqaudioError for a quantizer without a codebook of vectors.
    """
    first = quantizer.layers[0] if isinstance(quantizer, ResidualQuantizer) else quantizer
    if isinstance(first, GradientQuantizer):
        return scaled_distances(first.vectors.detach())
    if not isinstance(first, EmaQuantizer):
        raise VqaudioError(
            f"segments want a codebook of vectors, which {type(first).__name__} has not; use a codec with an `ema` or "
            "`gradient` quantizer, such as units-16k"
        )
    scale = neighbour_distance(first.codebook.vectors)
    return lambda vectors: -first.logits(vectors) / scale


@torch.no_grad()
def neighbour_distance(codebook: Tensor) -> float:
    """Compute the median over the codes `v d` of the squared distance to the nearest other code.

    Raises VqaudioError if it is 0 or there is one code only.
    """
    num_codes = len(codebook)
    nearest = []
    for at in range(0, num_codes, block := max(1, BLOCK_DISTANCES // num_codes)):
        distances = squared_distances(codebook[at : at + block].double(), codebook.double())
        rows = torch.arange(len(distances), device=codebook.device)
        distances[rows, rows + at] = torch.inf
        nearest.append(distances.min(dim=1).values)
    scale = float(torch.cat(nearest).median())
    if not 0 < scale < torch.inf:
        raise VqaudioError(f"segments want codes that lie apart; of {num_codes} most lie where another one does")
    return scale
