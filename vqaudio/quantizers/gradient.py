"""The codebook that learns by gradient descent, as in the first VQ-VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.distances import frame_error, squared_distances
from vqaudio.quantizers.frames import (
    check_codes,
    check_num_codebooks,
    check_width,
    float32_inside,
    put_back,
    real_positions,
    take_frames,
)
from vqaudio.quantizers.interface import Quantized
from vqaudio.quantizers.processes import share_of_mean, sum_over_processes
from vqaudio.quantizers.search import count_codes, nearest_codes
from vqaudio.quantizers.straight_through import straight_through
from vqaudio.quantizers.usage import CodebookUsage, UsageWindow


class GradientQuantizer(nn.Module):
    """One codebook of trainable vectors.

    commitment: |sg[x] - e|^2 + beta |x - sg[e]|^2 as means over frames and dimensions; the first term moves the
    codes, the second the input. Add it to the loss with weight 1.
    Source: van den Oord et al. 2017, arXiv:1711.00937, eq. 3.
    """

    def __init__(self, width: int, codebook_size: int, *, beta: float = 0.25) -> None:
        """Make `codebook_size` codes for vectors of `width`, uniform in (-1/v, 1/v).

        Raises VqaudioError for values out of range.
        """
        super().__init__()
        if width < 1 or codebook_size < 2 or beta < 0:
            raise VqaudioError(
                f"width {width}, codebook_size {codebook_size}, beta {beta}: wanted width >= 1, codebook_size >= 2, "
                "beta >= 0"
            )
        self.width, self.codebook_size, self.num_codebooks, self.beta = width, codebook_size, 1, beta
        self.vectors = nn.Parameter(torch.empty(codebook_size, width).uniform_(-1 / codebook_size, 1 / codebook_size))
        self.window = UsageWindow(codebook_size)

    def forward(self, vectors: Tensor, mask: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training count the codes of those where `mask` `...` is true.

        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        check_width(vectors, self.width)
        with float32_inside(vectors):
            positions = real_positions(mask, vectors)
            frames = take_frames(vectors.float(), positions)
            found = self.quantize(frames)
            return Quantized(
                vectors=put_back(straight_through(frames, found.vectors), positions, vectors.shape[:-1]),
                codes=put_back(found.codes.unsqueeze(1), positions, vectors.shape[:-1]),
                commitment=found.commitment,
            )

    def quantize(self, frames: Tensor, weights: Tensor | None = None) -> Quantized:
        """One layer of a stack; see `SingleCodebook.quantize`."""
        codes = self.nearest(frames)
        share = None
        if self.training:
            counts, _, sizes = sum_over_processes(count_codes(codes, self.codebook_size), None, codes.shape[0])
            self.window.add(counts)
            share = share_of_mean(codes.shape[0], sizes)
        chosen = embedding(codes, self.vectors)
        codebook_error = frame_error(chosen, frames.detach(), weights, share)
        commitment = frame_error(frames, chosen.detach(), weights, share)
        return Quantized(chosen.detach(), codes, codebook_error + self.beta * commitment)

    def encode(self, vectors: Tensor, num_codebooks: int | None = None) -> Tensor:
        """Codes `... 1` of vectors `... d`."""
        check_width(vectors, self.width)
        check_num_codebooks(num_codebooks, 1)
        with float32_inside(vectors):
            codes = self.nearest(take_frames(vectors.float(), None))
        return codes.reshape(*vectors.shape[:-1], 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors `... d` of codes `... 1`."""
        check_codes(codes, 1)
        return self.lookup(codes[..., 0])

    def nearest(self, frames: Tensor) -> Tensor:
        """Codes `n` of frames `n d`."""
        return nearest_codes(frames.detach(), self.vectors.detach())

    def lookup(self, codes: Tensor) -> Tensor:
        """Vectors `... d` of codes `...`."""
        return embedding(codes, self.vectors)

    def logits(self, vectors: Tensor) -> Tensor:
        """Negative squared distances `... v` of vectors `... d` to the codes, with gradients to the vectors."""
        check_width(vectors, self.width)
        with float32_inside(vectors):
            return -squared_distances(vectors.float(), self.vectors.detach())

    def statistics(self) -> list[CodebookUsage]:
        """Usage of the one codebook in training since `reset_statistics`."""
        return [self.window.usage()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        self.window.reset()
