"""Statistics of a batch spread over processes: every rank issues the same collectives and gets the same figures.

The global batch is rank 0's frames, then rank 1's, and so on; `sizes` holds how many frames each rank brought.
Random numbers come from rank 0. So 2 processes do what 1 process does with the whole batch, up to rounding.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Count the processes that train together; 1 where torch.distributed is not set up."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def sum_over_processes(counts: Tensor, sums: Tensor | None, num_frames: int) -> tuple[Tensor, Tensor | None, Tensor]:
    """Sum counts `v` and sums `v d` over all ranks, and gather how many frames each brought, in one all-reduce."""
    if world_size() == 1:
        return counts, sums, torch.full((1,), float(num_frames), device=counts.device)
    sizes = counts.new_zeros(world_size())
    sizes[dist.get_rank()] = num_frames
    parts = [sizes, counts] if sums is None else [sizes, counts, sums.reshape(-1)]
    packed = torch.cat(parts)
    dist.all_reduce(packed)
    pieces = packed.split([part.numel() for part in parts])
    return pieces[1], None if sums is None else pieces[2].reshape(sums.shape), pieces[0]


def ddp_loss_scale(num_frames: int, sizes: Tensor) -> Tensor | None:
    """Compute the factor by which a rank's mean over `num_frames` frames becomes its share of the mean over all ranks.

    DDP averages the gradients of ranks, whatever their numbers of frames.  None for one process, where it is 1.
    """
    if world_size() == 1:
        return None
    return num_frames * world_size() / sizes.sum().clamp_min(1)


def random_positions(num: int, sizes: Tensor) -> Tensor:
    """Draw `num` uniform positions in the global batch, by rank 0, the same on every rank."""
    draws = torch.rand(num, dtype=torch.float64, device=sizes.device)
    if world_size() > 1:
        dist.broadcast(draws, src=0)
    total = sizes.sum().to(torch.float64)
    return torch.minimum((draws * total).long(), (total.long() - 1).clamp_min(0))


def random_rows(num_rows: int, num_columns: int, device: torch.device) -> Tensor:
    """Draw uniform numbers `r c` in [0, 1) for this rank's rows of the global batch; rank 0 draws those of all rows.

    num_rows: the same on every rank.  Rows are drawn one after the other, so parts of a batch get the numbers that
    the whole would have got (on a CPU, and by one process).
    """
    draws = torch.rand(num_rows * world_size(), num_columns, device=device)
    if world_size() == 1:
        return draws
    dist.broadcast(draws, src=0)
    return draws[dist.get_rank() * num_rows :][:num_rows]


def frames_at(positions: Tensor, frames: Tensor, sizes: Tensor) -> Tensor:
    """Gather frames `m d` of the global batch, from the frames `n d` that each rank holds; the same on every rank."""
    num_frames = frames.shape[0]
    if world_size() == 1 and num_frames > 0:
        return frames[positions]
    picked = frames.new_zeros(positions.shape[0], frames.shape[1])
    if world_size() == 1:
        return picked
    if num_frames > 0:
        local = positions - sizes[: dist.get_rank()].sum().long()
        is_here = ((local >= 0) & (local < num_frames)).unsqueeze(1)
        picked = torch.where(is_here, frames[local.clamp(0, num_frames - 1)], picked)
    dist.all_reduce(picked)
    return picked


def copy_from_first(tensors: list[Tensor]) -> None:
    """Overwrite tensors by those of rank 0."""
    if world_size() > 1:
        for tensor in tensors:
            dist.broadcast(tensor, src=0)
