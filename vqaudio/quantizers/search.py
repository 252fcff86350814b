"""The three dense steps of vector quantization: nearest code, counts of codes, sums of vectors per code."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

# Scores (frames x codes) held at once. On a CPU a block of 4 MB stays in the caches, as long as there are enough
# columns for a matrix product to pay; a GPU wants long rows of work.
CPU_BLOCK_SCORES = 2**20
GPU_BLOCK_SCORES = 2**24
MIN_BLOCK_FRAMES = 256
# On a CPU a block is cut into parts, each for one thread, of a multiple of 8 frames: as many as a register holds.
MAX_PARTS, MIN_PART_FRAMES, PART_STEP = 4, 128, 8
MAX_PADDING = MAX_PARTS * PART_STEP


@torch.no_grad()
def nearest_codes(frames: Tensor, codebook: Tensor, norms: Tensor | None = None) -> Tensor:
    """Find the code with the smallest squared distance; the lowest index where codes tie.

    frames: `n d` float32.  codebook: `v d` float32.  norms: the codes' `squared_norms`, where they are at hand.
    Returns `n` int64.
    |x - e|^2 = |x|^2 - 2 (x.e - |e|^2 / 2), and |x|^2 is the same for every code: so take the largest x.e - |e|^2 / 2.
    Scores are made block by block: the whole matrix `n v` is never held.
    """
    if torch.compiler.is_exporting():  # other programs have operations of their own, and no memory to be spared
        norms = squared_norms(codebook) if norms is None else norms
        return (frames @ codebook.t() - norms / 2).argmax(dim=1)
    if frames.shape[0] == 0:
        return torch.empty(0, dtype=torch.int64, device=frames.device)
    is_on_cpu = frames.device.type == "cpu"
    search, block_scores = (_by_columns, CPU_BLOCK_SCORES) if is_on_cpu else (_by_rows, GPU_BLOCK_SCORES)
    block_frames = max(MIN_BLOCK_FRAMES, block_scores // codebook.shape[0])
    norms = squared_norms(codebook) if norms is None else norms
    # One memory for the scores of all blocks: fresh pages would cost more than the product that fills them.
    scores = codebook.new_empty((min(block_frames, frames.shape[0]) + MAX_PADDING) * codebook.shape[0])
    if frames.shape[0] <= block_frames:
        return search(frames, codebook, norms, scores)
    return torch.cat([search(block, codebook, norms, scores) for block in frames.split(block_frames)])


def squared_norms(codebook: Tensor) -> Tensor:
    """Compute |e|^2 `v` of the codes `v d`."""
    return codebook.square().sum(dim=1)


def _by_rows(frames: Tensor, codebook: Tensor, norms: Tensor, scores: Tensor) -> Tensor:
    """Find codes `n` by scores `n v`, which overwrite `scores`."""
    shape = frames.shape[0], codebook.shape[0]
    out = scores[: math.prod(shape)].view(shape)
    return torch.addmm(norms, frames, codebook.t(), beta=-0.5, out=out).argmax(dim=1)


def _by_columns(frames: Tensor, codebook: Tensor, norms: Tensor, scores: Tensor) -> Tensor:
    """Find codes `n` by scores `v n`, several parts of the frames side by side, which overwrite `scores`."""
    num_frames = frames.shape[0]
    num_parts = min(MAX_PARTS, max(1, num_frames // MIN_PART_FRAMES))
    missing = -num_frames % (num_parts * PART_STEP)
    if missing > 0:
        frames = pad(frames, (0, 0, 0, missing))
    parts = frames.view(num_parts, -1, frames.shape[1]).transpose(1, 2)
    out = scores[: frames.shape[0] * codebook.shape[0]].view(num_parts, codebook.shape[0], -1)
    torch.baddbmm(norms.unsqueeze(1), codebook.expand(num_parts, -1, -1), parts, beta=-0.5, out=out)
    codes = _row_of_largest(out)
    return codes if missing == 0 else codes[:num_frames]


def _row_of_largest(scores: Tensor) -> Tensor:
    """Find the row of the largest score in each column of scores `b v n`, as one list `b * n`.

    That is `scores.argmax(dim=1)`, which torch computes element by element. Its max pooling of images in
    channels-last memory is vectorised and 5 to 10 times as fast: so the scores are images of v x 1 pixels with n
    channels, pooled as a whole, and the position of the largest pixel is its row.
    """
    num_codes = scores.shape[1]
    images = scores.unsqueeze(2).permute(0, 3, 1, 2)  # b n v 1
    _, rows = torch.ops.aten.max_pool2d_with_indices(images, [num_codes, 1])
    return rows.view(-1)


@torch.no_grad()
def count_codes(codes: Tensor, num_codes: int) -> Tensor:
    """Count how often each code occurs in codes `n`: `v` float32."""
    if codes.device.type == "cpu":
        return torch.bincount(codes, minlength=num_codes).to(torch.float32)
    # bincount makes the host wait for a GPU, to learn the largest code.
    counts = torch.zeros(num_codes, dtype=torch.float32, device=codes.device)
    return counts.index_add_(0, codes, torch.ones_like(codes, dtype=torch.float32))


@torch.no_grad()
def sum_by_code(frames: Tensor, codes: Tensor, num_codes: int) -> Tensor:
    """Sum the frames `n d` assigned to each code: `v d`."""
    return frames.new_zeros(num_codes, frames.shape[1]).index_add_(0, codes, frames)
