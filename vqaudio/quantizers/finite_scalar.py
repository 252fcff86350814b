"""Finite scalar quantization, without a codebook: every dimension is rounded to a few levels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import torch
from torch import Tensor, nn

from vqaudio.core.config import between
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.frames import check_codes, check_num_codebooks, float32_inside, real_frames
from vqaudio.quantizers.interface import Quantized
from vqaudio.quantizers.processes import sum_over_processes
from vqaudio.quantizers.search import count_codes
from vqaudio.quantizers.straight_through import straight_through
from vqaudio.quantizers.usage import CodebookUsage, UsageWindow

MARGIN = 1e-3  # the bound lies this fraction outside the outermost level, so that tanh can reach it


@dataclass(frozen=True)
class FiniteScalarConfig:
    """The arguments of `FiniteScalarQuantizer`.

    kind: `ema`, `gradient` or `finite_scalar`.  levels: of each dimension; their product is the number of codes.
    """

    kind: str = "finite_scalar"
    levels: tuple[int, ...] = field(default=(8, 8, 8, 5), metadata=between(2, 65_536))

    @property
    def num_codebooks(self) -> int:
        """Codes per vector: always one."""
        return 1

    @property
    def codebook_size(self) -> int:
        """Number of points of the grid."""
        return prod(self.levels)


class FiniteScalarQuantizer(nn.Module):
    """Finite scalar quantization (FSQ): a bounded vector, rounded dimension by dimension.

    With levels L = (8, 5, 5) dimension i takes one of L_i equally spaced values in [-1, 1] and the code is the number
    whose digits these are, in mixed base L, first dimension fastest: codes and grid points are one to one.
    commitment: always 0; nothing has to be tied, there is nothing to learn but the projections.
    Source: Mentzer et al. 2023, arXiv:2309.15505, section 3.1 and appendix A.1.
    """

    levels: Tensor
    bases: Tensor

    def __init__(self, width: int, levels: Sequence[int]) -> None:
        """Quantize vectors of `width`, by way of learned linear maps if that is not `len(levels)`.

        Raises VqaudioError for a width below 1, no levels, or a dimension of fewer than 2 levels.
        """
        super().__init__()
        if width < 1 or not levels or min(levels) < 2:
            raise VqaudioError(f"width {width}, levels {list(levels)}: wanted width >= 1 and 2 levels or more each")
        self.width, self.num_codebooks, self.codebook_size = width, 1, prod(levels)
        is_projected = width != len(levels)
        self.project_in = nn.Linear(width, len(levels)) if is_projected else nn.Identity()
        self.project_out = nn.Linear(len(levels), width) if is_projected else nn.Identity()
        bases = [prod(levels[:i]) for i in range(len(levels))]
        self.register_buffer("levels", torch.tensor(list(levels)), persistent=False)
        self.register_buffer("bases", torch.tensor(bases), persistent=False)
        self.window = UsageWindow(self.codebook_size)

    @classmethod
    def from_config(cls, config: FiniteScalarConfig, width: int) -> FiniteScalarQuantizer:
        """Build one for vectors of `width`."""
        return cls(width, config.levels)

    def forward(self, vectors: Tensor, mask: Tensor | None = None, level_offset: Tensor | None = None) -> Quantized:
        """Round vectors `... d`; in training count the codes of those where `mask` `...` is true.

        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        with real_frames(vectors, self.width, mask) as real:
            bounded = self._bound(self.project_in(real.values))
            rounded = bounded.detach().round()
            codes = self._codes(rounded)
            if self.training:
                counts = count_codes(codes, self.codebook_size)
                self.window.add(sum_over_processes(counts, None, codes.shape[0])[0])
            frames = self.project_out(straight_through(bounded, rounded) / self._half)
            return real.quantized(frames, codes.unsqueeze(1), frames.new_zeros(()))

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, level_offset: Tensor | None = None) -> Tensor:
        """Find the codes `... 1` of vectors `... d`."""
        check_num_codebooks(num_codebooks, 1)
        with real_frames(vectors, self.width) as real:
            codes = self._codes(self._bound(self.project_in(real.values)).detach().round())
            return codes.reshape(*real.leading, 1)

    def decode(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `... 1`."""
        check_codes(codes, 1)
        with float32_inside(codes):
            digits = codes // self.bases % self.levels
            return self.project_out((digits - self._half).to(torch.float32) / self._half)

    def statistics(self) -> list[CodebookUsage]:
        """Compute the usage of the codes in training since `reset_statistics`."""
        return [self.window.usage()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        self.window.reset()

    @property
    def _half(self) -> Tensor:
        """Steps from the middle level to the lowest; with an even number of levels the middle is the upper of two."""
        return self.levels // 2

    def _bound(self, latents: Tensor) -> Tensor:
        """Squeeze latents `n i` so that rounding gives exactly L_i integers: -L/2 .. L/2 - 1, or -(L-1)/2 .. (L-1)/2.

        An even number of levels has no middle: tanh is moved half a step down, and its argument by as much as keeps
        a latent of 0 on the integer 0.
        """
        reach = (self.levels - 1) * (1 + MARGIN) / 2
        offset = torch.where(self.levels % 2 == 0, 0.5, 0.0)
        shift = (offset / reach).atanh()
        return (latents + shift).tanh() * reach - offset

    def _codes(self, rounded: Tensor) -> Tensor:
        digits = rounded.to(torch.int64) + self._half
        return (digits * self.bases).sum(dim=-1)
