"""Conversion between tensors `... d` with masks and the list of real frames `n d` that quantizers work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.interface import Quantized


@dataclass(frozen=True)
class Frames:
    """The real frames of vectors `... d`, and the positions at which they are put back.

    values: `n d` float32.  positions: `n`, which of the vectors they are, None where all are real.
    leading: the axes before the vectors' own.
    """

    values: Tensor
    positions: Tensor | None
    leading: torch.Size

    def take(self, values: Tensor) -> Tensor:
        """Select the real frames `n e` of values `... e`, as float32."""
        frames = values.reshape(-1, values.shape[-1]).float()
        return frames if self.positions is None else frames.index_select(0, self.positions)

    def restore(self, frames: Tensor) -> Tensor:
        """Put frames `n e` back as `... e`; zero where a vector is not real."""
        if self.positions is not None:
            blank = frames.new_zeros(self.leading.numel(), frames.shape[-1])
            frames = blank.index_copy(0, self.positions, frames)
        return frames.reshape(*self.leading, frames.shape[-1])

    def quantized(self, vectors: Tensor, codes: Tensor, commitment: Tensor) -> Quantized:
        """Put the results of a quantizer back: vectors `n d`, codes `n k`."""
        return Quantized(self.restore(vectors), self.restore(codes), commitment)


@contextmanager
def real_frames(vectors: Tensor, width: int, mask: Tensor | None = None) -> Iterator[Frames]:
    """Flatten vectors `... d` to their real frames, with autocast off inside the block.

    mask: `...` bool, true where a vector is real; it makes the host wait for a GPU.
    Raises VqaudioError if d is not the width or the mask does not fit.
    """
    if vectors.ndim < 2 or vectors.shape[-1] != width:
        raise VqaudioError(
            f"got vectors of shape {tuple(vectors.shape)}, wanted (..., {width}): move the vector axis to the end, "
            "for instance rearrange(x, 'b d t -> b t d')"
        )
    with float32_inside(vectors):
        frames = Frames(vectors, _positions(mask, vectors), vectors.shape[:-1])
        yield Frames(frames.take(vectors), frames.positions, frames.leading)


def float32_inside(tensor: Tensor) -> AbstractContextManager[object]:
    """Turn autocast off: distances in half precision pick wrong codes."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def check_codes(codes: Tensor, num_codebooks: int) -> None:
    """Check that codes is `... k` of integers with 1 <= k <= num_codebooks.  Raises VqaudioError if it is not."""
    if codes.ndim < 1 or not 1 <= codes.shape[-1] <= num_codebooks or codes.is_floating_point():
        raise VqaudioError(
            f"got codes of shape {tuple(codes.shape)} and type {codes.dtype}, wanted integers (..., k) with "
            f"1 to {num_codebooks} codebooks last: for instance rearrange(codes, 'b k t -> b t k')"
        )


def check_num_codebooks(num_codebooks: int | None, available: int) -> int:
    """Return `num_codebooks`, or all.  Raises VqaudioError if there are not so many."""
    if num_codebooks is None:
        return available
    if not 1 <= num_codebooks <= available:
        raise VqaudioError(f"num_codebooks is {num_codebooks}, but this quantizer has 1 to {available}")
    return num_codebooks


def _positions(mask: Tensor | None, vectors: Tensor) -> Tensor | None:
    if mask is None:
        return None
    if mask.shape != vectors.shape[:-1] or mask.dtype != torch.bool:
        raise VqaudioError(
            f"got a mask of shape {tuple(mask.shape)} and type {mask.dtype}, wanted bool {tuple(vectors.shape[:-1])}, "
            "true where a frame is real"
        )
    return mask.reshape(-1).nonzero().squeeze(1)
