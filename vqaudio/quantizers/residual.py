"""Residual vector quantization: a stack of codebooks, each quantizing the residual of the ones before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.frames import Frames, check_codes, check_num_codebooks, float32_inside, real_frames
from vqaudio.quantizers.interface import Quantized, SingleCodebook
from vqaudio.quantizers.processes import random_rows
from vqaudio.quantizers.straight_through import rotate_to, straight_through
from vqaudio.quantizers.usage import CodebookUsage


class ResidualQuantizer(nn.Module):
    """A residual quantizer, the sum of several codebooks; the first k alone are a coarser version of the same vector.

    commitment: the mean over codebooks of each layer's own commitment, between its residual and its code.
    Each layer gets the residual with the codes before it detached, so layer i's loss moves the input, never the
    other codebooks; and one straight-through step spans the whole stack, so the input gets its gradient once.
    Source: Zeghidour et al. 2021 (SoundStream), arXiv:2107.03312, section III-C.
    """

    def __init__(
        self,
        layers: Sequence[SingleCodebook],
        *,
        dropout: float = 0.0,
        unquantized: float = 0.0,
        rotation_trick: bool = False,
    ) -> None:
        """Stack quantizers of one codebook each (`EmaQuantizer`, `GradientQuantizer`), equal in width and size.

        dropout: probability that a sample (an entry of axis 0) is trained with its first 1..k codebooks only, their
        number uniform. All layers still learn from every frame: a codebook should know the residuals of all
        speech, and statistics of a random half of them would only be noisier. Where several processes train
        together, each must bring as many samples as the others.
        unquantized: probability that a sample is trained with its own vectors in place of the codes': what codes cannot
        say yet then stays worth saying to the decoder, and the later codebooks find it there.
        rotation_trick: turn the gradient of the sum; see `rotate_to`.
        Raises VqaudioError if layers differ or there is none, or dropout or unquantized is no probability.
        """
        super().__init__()
        if len({(layer.width, layer.codebook_size) for layer in layers}) != 1:
            raise VqaudioError("a residual stack wants one or more layers of the same width and codebook_size")
        for name, probability in (("dropout", dropout), ("unquantized", unquantized)):
            if not 0 <= probability <= 1:
                raise VqaudioError(f"{name} is a probability in [0, 1], got {probability}")
        self.layers = nn.ModuleList(cast(Sequence[nn.Module], layers))
        self.width, self.codebook_size = layers[0].width, layers[0].codebook_size
        self.num_codebooks = len(layers)
        self.dropout, self.unquantized, self.rotation_trick = dropout, unquantized, rotation_trick

    def forward(self, vectors: Tensor, mask: Tensor | None = None, level_offset: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training every codebook learns from those where `mask` `...` is true.

        level_offset: `... d`, what is added after the first codebook: it shapes all codes but the first.
        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        with real_frames(vectors, self.width, mask) as real:
            frames, offset = real.values, None if level_offset is None else real.take(level_offset)
            num_active = self._num_active(real)
            total, codes, commitment = self._stack(frames, offset, num_active)
            whole = frames if offset is None else frames + offset
            if offset is not None:
                frames = frames + (offset if num_active is None else offset * (num_active > 1).unsqueeze(1))
            crossed = (rotate_to if self.rotation_trick else straight_through)(frames, total)
            if (is_open := self._is_unquantized(real)) is not None:
                crossed = torch.where(is_open, whole, crossed)
            return real.quantized(crossed, codes, commitment)

    def _stack(self, frames: Tensor, offset: Tensor | None, num_active: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Quantize frames `n d` with their level offset `n d`: sum of the codes `n d`, codes `n k`, and commitment."""
        residual, total = frames, torch.zeros_like(frames)
        codes, commitments = [], []
        for i, layer in enumerate(self._books()):
            weights = None if num_active is None else (num_active > i).to(frames.dtype)
            quantized = layer.quantize(residual, weights)
            total = total + (quantized.vectors if weights is None else quantized.vectors * weights.unsqueeze(1))
            residual = residual - quantized.vectors.detach()
            if i == 0 and offset is not None:
                residual = residual + offset
            codes.append(quantized.codes)
            commitments.append(quantized.commitment)
        return total, torch.stack(codes, dim=1), torch.stack(commitments).mean()

    def _num_active(self, real: Frames) -> Tensor | None:
        """Draw the number of codebooks in use for every frame `n`, equal within a sample; None for all."""
        if not self.training or self.dropout == 0:
            return None
        coin, choice = random_rows(real.leading[0], 2, real.values.device).unbind(dim=1)
        num_kept = 1 + (choice * self.num_codebooks).long().clamp(max=self.num_codebooks - 1)
        num_active = torch.where(coin < self.dropout, num_kept, self.num_codebooks)
        num_active = num_active.reshape(-1, *(1,) * (len(real.leading) - 1)).expand(real.leading)
        return real.take(num_active.unsqueeze(-1)).squeeze(1)

    def _is_unquantized(self, real: Frames) -> Tensor | None:
        """Draw the samples that keep their own vectors, `n 1` for every frame; None for none."""
        if not self.training or self.unquantized == 0:
            return None
        coin = random_rows(real.leading[0], 1, real.values.device)[:, 0] < self.unquantized
        return real.take(coin.reshape(-1, *(1,) * (len(real.leading) - 1)).expand(real.leading).unsqueeze(-1)).bool()

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, level_offset: Tensor | None = None) -> Tensor:
        """Find the codes `... k` of vectors `... d`, of the first `num_codebooks` or all codebooks."""
        num_codebooks = check_num_codebooks(num_codebooks, self.num_codebooks)
        codes = []
        with real_frames(vectors, self.width) as real:
            residual = real.values
            for layer in self._books()[:num_codebooks]:
                codes.append(layer.nearest(residual))
                residual = residual - layer.lookup(codes[-1])
                if len(codes) == 1 and level_offset is not None:
                    residual = residual + real.take(level_offset)
        return torch.stack(codes, dim=1).reshape(*vectors.shape[:-1], num_codebooks)

    def decode(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `... k`, k being the first 1 to all codebooks."""
        check_codes(codes, self.num_codebooks)
        total = torch.zeros(*codes.shape[:-1], self.width, device=codes.device)
        with float32_inside(codes):
            for layer, layer_codes in zip(self._books(), codes.unbind(dim=-1), strict=False):
                total = total + layer.lookup(layer_codes)
        return total

    def statistics(self) -> list[CodebookUsage]:
        """Compute the usage of each codebook in training since `reset_statistics`."""
        return [usage for layer in self._books() for usage in layer.statistics()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        for layer in self._books():
            layer.reset_statistics()

    def _books(self) -> list[SingleCodebook]:
        return cast(list[SingleCodebook], list(self.layers))
