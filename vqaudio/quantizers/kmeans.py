"""Where a codebook starts: Lloyd's k-means on frames of the first batch."""

from __future__ import annotations

import torch
from torch import Tensor

from vqaudio.quantizers.search import count_codes, nearest_codes, sum_by_code


@torch.no_grad()
def kmeans(frames: Tensor, num_codes: int, num_iterations: int) -> tuple[Tensor, Tensor]:
    """Counts `v` and sums `v d` of the clusters; the means are sums / counts.

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
