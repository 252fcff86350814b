"""The state of a codebook of exponential moving averages: counts and sums, and nothing else."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vqaudio.quantizers.assignment import Assignment, assign
from vqaudio.quantizers.kernels.step import compiled_step, loops_for
from vqaudio.quantizers.kmeans import kmeans_of_batch
from vqaudio.quantizers.processes import (
    copy_from_first,
    ddp_loss_scale,
    frames_at,
    random_positions,
    sum_over_processes,
    world_size,
)
from vqaudio.quantizers.search import squared_norms
from vqaudio.quantizers.usage import UsageWindow

EPSILON = 1e-5  # Laplace smoothing of the counts, van den Oord et al.


_Source = tuple[Tensor, int, Tensor, int]  # counts and sums, each with its version


class EmaCodebook(nn.Module):
    """A codebook `v d` of exponential moving averages of the vectors assigned to each code.

    Kept are each code's count c and the sum m of its vectors; the vectors e follow from them. With the counts n and
    sums s of one batch (of all processes):
        c <- g c + (1 - g) n        m <- g m + (1 - g) s        N = sum of c
        e = m / c'                  c' = (c + eps) / (N + v eps) N
    As there are no stored vectors, none can be changed without their sums, nor made without their counts.
    Source: van den Oord et al. 2017, arXiv:1711.00937, appendix A.1.
    """

    counts: Tensor
    sums: Tensor
    is_started: Tensor

    def __init__(
        self,
        width: int,
        codebook_size: int,
        *,
        decay: float,
        l2_normalized: bool,
        dead_code_threshold: float,
        kmeans_iterations: int,
    ) -> None:
        """Make a codebook; the arguments are those of `EmaQuantizer`."""
        super().__init__()
        self.codebook_size, self.l2_normalized = codebook_size, l2_normalized
        self.decay, self.dead_code_threshold, self.kmeans_iterations = decay, dead_code_threshold, kmeans_iterations
        self.register_buffer("counts", torch.ones(codebook_size))
        self.register_buffer("sums", torch.empty(codebook_size, width).uniform_(-1 / codebook_size, 1 / codebook_size))
        self.register_buffer("is_started", torch.tensor(kmeans_iterations == 0))
        self.window = UsageWindow(codebook_size)
        self.num_parts = 1  # a batch may come in so many calls of `update`
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        # The host's own copy of `is_started`, so that a training step need not wait for the device.
        self._knows_started = False
        self._kept: tuple[_Source, Tensor, Tensor] | None = None
        self.register_load_state_dict_post_hook(_forget_started)

    @property
    def vectors(self) -> Tensor:
        """The codes `v d`, derived from counts and sums."""
        return self.vectors_and_norms()[0]

    def vectors_and_norms(self) -> tuple[Tensor, Tensor | None]:
        """Derive the codes `v d` from counts and sums, in eval mode with their squared norms `v`.

        In eval mode both are kept for the next call.  They cannot go stale: they count only for the very tensors they
        came from, at the version that torch raises with every change in place.
        """
        if self.training or self.counts.is_inference() or self.sums.is_inference():  # no version to go by
            return self._derived(), None
        source = (self.counts, self.counts._version, self.sums, self.sums._version)
        if self._kept is None or not _are_same(self._kept[0], source):
            with torch.inference_mode(False), torch.no_grad():
                vectors = self._derived()
                self._kept = (source, vectors, squared_norms(vectors))
        return self._kept[1:]

    def _derived(self) -> Tensor:
        if self.l2_normalized:
            return normalize(self.sums, dim=1)
        total = self.counts.sum()
        smoothed = (self.counts + EPSILON).div_(total + self.codebook_size * EPSILON).mul_(total)
        return self.sums / smoothed.unsqueeze(1)

    def step(self, frames: Tensor, weights: Tensor | None = None) -> tuple[Assignment, Tensor | None]:
        """Assign frames `n d` to codes as `assign` does, then update the codebook; returns `ddp_loss_scale` too."""
        loops = loops_for(frames, self.counts, self.sums)
        # With torch: assign, then update.
        if loops is None:
            assignment = assign(frames, self.vectors, weights)
            return assignment, self.update(frames, assignment.counts, assignment.sums)
        # In compiled loops: one call does both, unless other parts or processes must add their counts and sums first.
        is_whole_batch = self.num_parts == 1 and world_size() == 1
        assignment, least_use = compiled_step(
            loops,
            frames,
            weights,
            (self.counts, self.sums, self.window.counts),
            epsilon=EPSILON,
            l2_normalized=self.l2_normalized,
            move_by=1 - self.decay if is_whole_batch else None,
        )
        if not is_whole_batch:
            return assignment, self.update(frames, assignment.counts, assignment.sums)
        self._kept = None
        # Dead codes.
        if least_use < self.dead_code_threshold:
            self._revive(frames, torch.full((1,), float(frames.shape[0])), None)
        return assignment, None

    @torch.no_grad()
    def update(self, frames: Tensor, counts: Tensor, sums: Tensor) -> Tensor | None:
        """Move the codes towards frames `n d`, whose counts `v` and sums `v d` by code these are; see `assign`.

        Returns `ddp_loss_scale`.  With num_parts > 1 all is kept until the last part of a batch came, and the codes
        move once, as the whole batch would move them.  A batch without a real frame, or with a number in it that is
        not finite, changes nothing: one bad step of training must not spoil the codebook for ever.
        """
        if self.num_parts == 1:
            return ddp_loss_scale(frames.shape[0], self._move(frames, counts, sums))
        self._parts.append((frames, counts, sums))
        if len(self._parts) == self.num_parts:
            all_frames, all_counts, all_sums = zip(*self._parts, strict=True)
            self._parts.clear()
            self._move(torch.cat(all_frames), torch.stack(all_counts).sum(dim=0), torch.stack(all_sums).sum(dim=0))
        _, _, sizes = sum_over_processes(self.counts.new_zeros(1), None, frames.shape[0])
        return ddp_loss_scale(frames.shape[0], sizes)

    def _move(self, frames: Tensor, counts: Tensor, sums: Tensor) -> Tensor:
        """Apply the moving averages of the class's docstring; returns how many frames each process brought."""
        # Statistics of the whole batch, over all processes.
        all_counts, all_sums, sizes = sum_over_processes(counts, sums, frames.shape[0])
        assert all_sums is not None
        self.window.add(all_counts)
        # Check: an empty batch, or one with a number that is not finite, leaves the codebook as it is.
        step: Tensor | float = 1 - self.decay
        is_finite = None
        if self.counts.is_cpu:
            if not math.isfinite(all_sums.sum()) or not sizes.any():
                return sizes
        else:  # as a factor 0 or 1 on the device: reading the result would make the host wait for it
            is_finite = (all_sums.sum() / sizes.sum()).isfinite()  # 0 / 0, an empty batch, is not finite either
            step = step * is_finite
            all_sums.nan_to_num_(0.0, 0.0, 0.0)
        # Moving averages.
        self.counts.lerp_(all_counts, step)
        self.sums.lerp_(all_sums, step)
        # Dead codes.
        if self.dead_code_threshold > 0:
            self._revive(frames, sizes, is_finite)
        return sizes

    def has_started(self) -> bool:
        """Return whether the codes come from data; waits for the device until they do."""
        if not self._knows_started:
            self._knows_started = bool(self.is_started)
        return self._knows_started

    @torch.no_grad()
    def start(self, frames: Tensor) -> None:
        """Initialise the codebook by k-means on frames `n d` of the first batch, or of its first part.

        Changes nothing if there is no frame or a number is not finite.  Like the moving average, counts are in frames
        per batch.
        """
        clusters = kmeans_of_batch(frames, self.codebook_size, self.kmeans_iterations)
        if clusters is None:
            return
        counts, sums = clusters
        self.counts.copy_(counts * self.num_parts)
        self.sums.copy_(sums * self.num_parts)
        copy_from_first([self.counts, self.sums])
        self.is_started.fill_(True)

    def _revive(self, frames: Tensor, sizes: Tensor, is_finite: Tensor | None) -> None:
        """Replace dead codes by random frames, count and sum together, with the weight of a mean code.

        On a CPU only when there is one; elsewhere always, on fixed shapes, because to look would make the host wait.
        """
        # Find the dead codes.
        limit = self.counts.mean() * self.dead_code_threshold
        if is_finite is None and self.counts.amin() >= limit:
            return
        mean = self.counts.mean()
        is_dead = self.counts < limit
        if is_finite is not None:
            is_dead = is_dead & is_finite
        # Draw one frame per code, the same on every process, and use those of the dead ones.
        replacements = frames_at(random_positions(self.codebook_size, sizes), frames, sizes)
        self.sums.copy_(torch.where(is_dead.unsqueeze(1), replacements * mean, self.sums))
        self.counts.copy_(torch.where(is_dead, mean, self.counts))


def _forget_started(module: nn.Module, _: object) -> None:
    assert isinstance(module, EmaCodebook)
    module._knows_started = False


def _are_same(old: _Source, new: _Source) -> bool:
    return old[0] is new[0] and old[1] == new[1] and old[2] is new[2] and old[3] == new[3]
