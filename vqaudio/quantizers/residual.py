"""A stack of codebooks, each quantizing what the ones before it left over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.frames import (
    check_codes,
    check_num_codebooks,
    check_width,
    float32_inside,
    put_back,
    real_positions,
    take_frames,
)
from vqaudio.quantizers.interface import Quantized, SingleCodebook
from vqaudio.quantizers.processes import random_rows
from vqaudio.quantizers.straight_through import rotate_to, straight_through
from vqaudio.quantizers.usage import CodebookUsage


class ResidualQuantizer(nn.Module):
    """The sum of the codes of several codebooks; the first k alone are a coarser version of the same vector.

    commitment: the mean over codebooks of each layer's own commitment, between what was left over and its code.
    Each layer gets the left-over with the codes before it detached, so layer i's loss moves the input, never the
    other codebooks; and one straight-through step spans the whole stack, so the input gets its gradient once.
    Source: Zeghidour et al. 2021 (SoundStream), arXiv:2107.03312, section III-C.
    """

    def __init__(self, layers: Sequence[SingleCodebook], *, dropout: float = 0.0, rotation_trick: bool = False) -> None:
        """Stack quantizers of one codebook each (`EmaQuantizer`, `GradientQuantizer`), equal in width and size.

        dropout: probability that a sample (an entry of axis 0) is trained with its first 1..k codebooks only, their
        number uniform. All layers still learn from every frame: a codebook should know the left-overs of all
        speech, and statistics of a random half of them would only be noisier. Where several processes train
        together, each must bring as many samples as the others.
        rotation_trick: turn the gradient of the sum; see `rotate_to`.
        Raises VqaudioError if layers differ or there is none, or dropout is no probability.
        """
        super().__init__()
        if len({(layer.width, layer.codebook_size) for layer in layers}) != 1:
            raise VqaudioError("a residual stack wants one or more layers of the same width and codebook_size")
        if not 0 <= dropout <= 1:
            raise VqaudioError(f"dropout is a probability in [0, 1], got {dropout}")
        self.layers = nn.ModuleList(cast(Sequence[nn.Module], layers))
        self.width, self.codebook_size = layers[0].width, layers[0].codebook_size
        self.num_codebooks = len(layers)
        self.dropout, self.rotation_trick = dropout, rotation_trick

    def forward(self, vectors: Tensor, mask: Tensor | None = None, late: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training every codebook learns from those where `mask` `...` is true.

        late: `... d`, what is added after the first codebook: it shapes all codes but the first.
        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        check_width(vectors, self.width)
        leading = vectors.shape[:-1]
        with float32_inside(vectors):
            positions = real_positions(mask, vectors)
            frames = take_frames(vectors.float(), positions)
            after = None if late is None else take_frames(late.float(), positions)
            num_active = self._num_active(leading, positions, frames.device)
            total, codes, commitment = self._stack(frames, after, num_active)
            if after is not None:
                frames = frames + (after if num_active is None else after * (num_active > 1).unsqueeze(1))
            cross = rotate_to if self.rotation_trick else straight_through
            return Quantized(
                vectors=put_back(cross(frames, total), positions, leading),
                codes=put_back(codes, positions, leading),
                commitment=commitment,
            )

    def _stack(self, frames: Tensor, late: Tensor | None, num_active: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Sum of the codes `n d`, codes `n k`, and commitment, of frames `n d` and what comes late."""
        residual, total = frames, torch.zeros_like(frames)
        codes, commitments = [], []
        for i, layer in enumerate(self._books()):
            weights = None if num_active is None else (num_active > i).to(frames.dtype)
            found = layer.quantize(residual, weights)
            total = total + (found.vectors if weights is None else found.vectors * weights.unsqueeze(1))
            residual = residual - found.vectors.detach()
            if i == 0 and late is not None:
                residual = residual + late
            codes.append(found.codes)
            commitments.append(found.commitment)
        return total, torch.stack(codes, dim=1), torch.stack(commitments).mean()

    def _num_active(self, leading: torch.Size, positions: Tensor | None, device: torch.device) -> Tensor | None:
        """Codebooks in use for every frame `n`, or None for all; equal within a sample."""
        if not self.training or self.dropout == 0:
            return None
        coin, choice = random_rows(leading[0], 2, device).unbind(dim=1)
        num_kept = 1 + (choice * self.num_codebooks).long().clamp(max=self.num_codebooks - 1)
        num_active = torch.where(coin < self.dropout, num_kept, self.num_codebooks)
        num_active = num_active.reshape(-1, *(1,) * (len(leading) - 1)).expand(leading)
        return take_frames(num_active.unsqueeze(-1), positions).squeeze(1)

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, late: Tensor | None = None) -> Tensor:
        """Codes `... k` of vectors `... d`, of the first `num_codebooks` or all codebooks; late: see `forward`."""
        check_width(vectors, self.width)
        num_codebooks = check_num_codebooks(num_codebooks, self.num_codebooks)
        codes = []
        with float32_inside(vectors):
            residual = take_frames(vectors.float(), None)
            for layer in self._books()[:num_codebooks]:
                codes.append(layer.nearest(residual))
                residual = residual - layer.lookup(codes[-1])
                if len(codes) == 1 and late is not None:
                    residual = residual + take_frames(late.float(), None)
        return torch.stack(codes, dim=1).reshape(*vectors.shape[:-1], num_codebooks)

    def decode(self, codes: Tensor) -> Tensor:
        """Vectors `... d` of codes `... k`, k being the first 1 to all codebooks."""
        check_codes(codes, self.num_codebooks)
        total = torch.zeros(*codes.shape[:-1], self.width, device=codes.device)
        with float32_inside(codes):
            for layer, layer_codes in zip(self._books(), codes.unbind(dim=-1), strict=False):
                total = total + layer.lookup(layer_codes)
        return total

    def first_logits(self, vectors: Tensor) -> Tensor:
        """Negative squared distances `... v` of vectors `... d` to the first codebook, with gradients to vectors."""
        check_width(vectors, self.width)
        return self._books()[0].logits(vectors)

    def statistics(self) -> list[CodebookUsage]:
        """Usage of each codebook in training since `reset_statistics`."""
        return [usage for layer in self._books() for usage in layer.statistics()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        for layer in self._books():
            layer.reset_statistics()

    def _books(self) -> list[SingleCodebook]:
        return cast(list[SingleCodebook], list(self.layers))
