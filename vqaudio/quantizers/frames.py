"""Between tensors `... d` with masks and the plain list of real frames `n d` that quantizers work on."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from vqaudio.core.errors import VqaudioError


def float32_inside(tensor: Tensor) -> AbstractContextManager[object]:
    """The context in which autocast is off: distances in half precision pick wrong codes."""
    kind = tensor.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()


def check_width(vectors: Tensor, width: int) -> None:
    """Raise VqaudioError unless vectors is `... d` with d = width."""
    if vectors.ndim < 2 or vectors.shape[-1] != width:
        raise VqaudioError(
            f"got vectors of shape {tuple(vectors.shape)}, wanted (..., {width}): move the vector axis to the end, "
            "for instance rearrange(x, 'b d t -> b t d')"
        )


def check_codes(codes: Tensor, num_codebooks: int) -> None:
    """Raise VqaudioError unless codes is `... k` of integers with 1 <= k <= num_codebooks."""
    if codes.ndim < 1 or not 1 <= codes.shape[-1] <= num_codebooks or codes.is_floating_point():
        raise VqaudioError(
            f"got codes of shape {tuple(codes.shape)} and type {codes.dtype}, wanted integers (..., k) with "
            f"1 to {num_codebooks} codebooks last: for instance rearrange(codes, 'b k t -> b t k')"
        )


def check_num_codebooks(num_codebooks: int | None, available: int) -> int:
    """`num_codebooks`, or all; raise VqaudioError if there are not so many."""
    if num_codebooks is None:
        return available
    if not 1 <= num_codebooks <= available:
        raise VqaudioError(f"num_codebooks is {num_codebooks}, but this quantizer has 1 to {available}")
    return num_codebooks


def real_positions(mask: Tensor | None, vectors: Tensor) -> Tensor | None:
    """Flat positions `n` of the frames that count, or None where all do. A mask makes the host wait for a GPU."""
    if mask is None:
        return None
    if mask.shape != vectors.shape[:-1] or mask.dtype != torch.bool:
        raise VqaudioError(
            f"got a mask of shape {tuple(mask.shape)} and type {mask.dtype}, wanted bool {tuple(vectors.shape[:-1])}, "
            "true where a frame is real"
        )
    return mask.reshape(-1).nonzero().squeeze(1)


def take_frames(values: Tensor, positions: Tensor | None) -> Tensor:
    """Values `... d` as real frames `n d`."""
    frames = values.reshape(-1, values.shape[-1])
    return frames if positions is None else frames.index_select(0, positions)


def put_back(frames: Tensor, positions: Tensor | None, leading: torch.Size) -> Tensor:
    """Frames `n d` as values `... d` with the given leading axes; zero where no frame was taken."""
    if positions is not None:
        values = frames.new_zeros(leading.numel(), frames.shape[-1])
        frames = values.index_copy(0, positions, frames)
    return frames.reshape(*leading, frames.shape[-1])
