"""Initialisation of a codebook: Lloyd's k-means on frames of the first batch."""

from __future__ import annotations

import torch
from torch import Tensor

from vqaudio.quantizers.processes import frames_at, random_positions, sum_over_processes
from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code

FRAMES_PER_CODE = 16  # as many as a sample of a large batch holds


def kmeans_of_batch(frames: Tensor, num_codes: int, num_iterations: int) -> tuple[Tensor, Tensor] | None:
    """Cluster a batch, of which each process holds its frames `n d`, into counts `v` and sums `v d`.

    A large batch is represented by a sample, and the counts are scaled up to the batch.
    Returns None where there is no frame, or a number in the sample is not finite.
    """
    _, _, sizes = sum_over_processes(frames.new_zeros(1), None, frames.shape[0])
    total = int(sizes.sum())
    if total == 0:
        return None
    num_wanted, positions = FRAMES_PER_CODE * num_codes, torch.arange(total, device=frames.device)
    sample = frames_at(random_positions(num_wanted, sizes) if total > num_wanted else positions, frames, sizes)
    if not sample.isfinite().all():
        return None
    counts, sums = kmeans(sample, num_codes, num_iterations)
    scale = total / sample.shape[0]
    return counts * scale, sums * scale


@torch.no_grad()
def kmeans(frames: Tensor, num_codes: int, num_iterations: int) -> tuple[Tensor, Tensor]:
    """Cluster frames into counts `v` and sums `v d`; the means are sums / counts.

    frames: `n d` float32, n >= 1.  Starts from random frames; a cluster that lost all its frames gets a random
    frame and counts as one of mean size, so every count is above 0.
    """
    num_frames = frames.shape[0]
    if num_frames >= num_codes:
        first = torch.randperm(num_frames, device=frames.device)[:num_codes]
    else:
        first = torch.randint(num_frames, (num_codes,), device=frames.device)
    means = frames[first]
    counts = frames.new_full((num_codes,), num_frames / num_codes)
    for _ in range(num_iterations):
        codes = nearest_codes(frames, means)
        counts = count_codes(codes, num_codes)
        means = sum_by_code(frames, codes, num_codes) / counts.clamp_min(1).unsqueeze(1)
        spare = frames[torch.randint(num_frames, (num_codes,), device=frames.device)]
        means = torch.where(counts.unsqueeze(1) > 0, means, spare)
        counts = torch.where(counts > 0, counts, num_frames / num_codes)
    return counts, means * counts.unsqueeze(1)
