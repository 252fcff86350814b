"""The quantizer whose codebook learns by gradient descent, as in the first VQ-VAE."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from vqaudio.core.config import between, renamed_from
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.assignment import frame_error
from vqaudio.quantizers.frames import real_frames
from vqaudio.quantizers.interface import Quantized
from vqaudio.quantizers.processes import ddp_loss_scale, sum_over_processes
from vqaudio.quantizers.search import count_codes, nearest_codes
from vqaudio.quantizers.single import decode_single, encode_single
from vqaudio.quantizers.straight_through import straight_through
from vqaudio.quantizers.usage import CodebookUsage, UsageWindow


@dataclass(frozen=True)
class GradientConfig:
    """The arguments of `GradientQuantizer`; its commitment is all of its loss: give it weight 1 in the recipe.

    More than one codebook makes a residual stack.

    kind: `ema`, `gradient` or `finite_scalar`.  num_codebooks: of the residual stack.  codebook_size: codes in each.
    has_rotation_trick: gradients are rotated from code to vector, arXiv:2410.06424.  quantizer_dropout, unquantized:
    see `EmaConfig`.
    """

    kind: str = "gradient"
    num_codebooks: int = field(default=8, metadata=between(1, 256))
    codebook_size: int = field(default=1024, metadata=between(1, 65_536))
    has_rotation_trick: bool = False
    quantizer_dropout: float = field(default=0.5, metadata=renamed_from("dropout"))
    unquantized: float = 0.0


class GradientQuantizer(nn.Module):
    """A quantizer with one codebook of trainable vectors.

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

    @classmethod
    def from_config(cls, config: GradientConfig, width: int) -> GradientQuantizer:
        """Build one codebook for vectors of `width`."""
        return cls(width, config.codebook_size)

    def forward(self, vectors: Tensor, mask: Tensor | None = None, level_offset: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training count the codes of those where `mask` `...` is true.

        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        with real_frames(vectors, self.width, mask) as real:
            quantized = self.quantize(real.values)
            vectors = straight_through(real.values, quantized.vectors)
            return real.quantized(vectors, quantized.codes.unsqueeze(1), quantized.commitment)

    def quantize(self, frames: Tensor, weights: Tensor | None = None) -> Quantized:
        """Quantize frames as one layer of a stack; see `SingleCodebook.quantize`."""
        codes = self.nearest(frames)
        scale = None
        if self.training:
            counts, _, sizes = sum_over_processes(count_codes(codes, self.codebook_size), None, codes.shape[0])
            self.window.add(counts)
            scale = ddp_loss_scale(codes.shape[0], sizes)
        chosen = embedding(codes, self.vectors)
        codebook_error = frame_error(chosen, frames.detach(), weights, scale)
        commitment = frame_error(frames, chosen.detach(), weights, scale)
        return Quantized(chosen.detach(), codes, codebook_error + self.beta * commitment)

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, level_offset: Tensor | None = None) -> Tensor:
        """Find the codes `... 1` of vectors `... d`."""
        return encode_single(self, vectors, num_codebooks)

    def decode(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `... 1`."""
        return decode_single(self, codes)

    def nearest(self, frames: Tensor) -> Tensor:
        """Find the nearest codes `n` of frames `n d`."""
        return nearest_codes(frames.detach(), self.vectors.detach())

    def lookup(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `...`."""
        return embedding(codes, self.vectors)

    def statistics(self) -> list[CodebookUsage]:
        """Compute the usage of the codebook in training since `reset_statistics`."""
        return [self.window.usage()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        self.window.reset()
