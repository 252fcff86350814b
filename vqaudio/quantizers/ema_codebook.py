"""The state of a codebook that follows running means: counts and sums, and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vqaudio.quantizers.kmeans import kmeans
from vqaudio.quantizers.processes import (
    copy_from_first,
    frames_at,
    random_positions,
    share_of_mean,
    sum_over_processes,
)
from vqaudio.quantizers.search import count_codes, sum_by_code
from vqaudio.quantizers.usage import UsageWindow

EPSILON = 1e-5  # Laplace smoothing of the counts, van den Oord et al.
START_FRAMES_PER_CODE = 16


_Source = tuple[Tensor, int, Tensor, int]  # counts and sums, each with its version


class EmaCodebook(nn.Module):
    """Codes `v d` as exponential moving averages of the vectors they stand for.

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
        revive_below: float,
        kmeans_iterations: int,
    ) -> None:
        """Make a codebook; the arguments are those of `EmaQuantizer`."""
        super().__init__()
        self.codebook_size, self.l2_normalized = codebook_size, l2_normalized
        self.decay, self.revive_below, self.kmeans_iterations = decay, revive_below, kmeans_iterations
        self.register_buffer("counts", torch.ones(codebook_size))
        self.register_buffer("sums", torch.empty(codebook_size, width).uniform_(-1 / codebook_size, 1 / codebook_size))
        self.register_buffer("is_started", torch.tensor(kmeans_iterations == 0))
        self.window = UsageWindow(codebook_size)
        self.num_parts = 1  # a batch may come in so many calls of `learn`
        self._parts: list[tuple[Tensor, Tensor]] = []
        # The host's own copy of `is_started`, so that a training step need not wait for the device.
        self._knows_started = False
        self._kept: tuple[_Source, Tensor] | None = None
        self.register_load_state_dict_post_hook(_forget_started)

    @property
    def vectors(self) -> Tensor:
        """The codes `v d`, derived from counts and sums.

        In eval mode they are kept for the next call.  They cannot go stale: they count only for the very tensors they
        came from, at the version that torch raises with every change in place.
        """
        if self.training or self.counts.is_inference() or self.sums.is_inference():  # no version to go by
            return self._derived()
        source = (self.counts, self.counts._version, self.sums, self.sums._version)
        if self._kept is None or not _are_same(self._kept[0], source):
            with torch.inference_mode(False), torch.no_grad():
                self._kept = (source, self._derived())
        return self._kept[1]

    def _derived(self) -> Tensor:
        if self.l2_normalized:
            return normalize(self.sums, dim=1)
        total = self.counts.sum()
        smoothed = (self.counts + EPSILON).div_(total + self.codebook_size * EPSILON).mul_(total)
        return self.sums / smoothed.unsqueeze(1)

    @torch.no_grad()
    def learn(self, frames: Tensor, codes: Tensor) -> Tensor | None:
        """Move the codes towards frames `n d`, which took the codes `n`; returns `share_of_mean`.

        With num_parts > 1 frames are kept until the last part of a batch came, and the codes move once, as the whole
        batch would move them.  A batch without a real frame, or with a number in it that is not finite, changes
        nothing: one bad step of training must not spoil the codebook for ever.
        """
        if self.num_parts == 1:
            return share_of_mean(frames.shape[0], self._move(frames, codes))
        self._parts.append((frames, codes))
        if len(self._parts) == self.num_parts:
            all_frames, all_codes = zip(*self._parts, strict=True)
            self._parts.clear()
            self._move(torch.cat(all_frames), torch.cat(all_codes))
        _, _, sizes = sum_over_processes(self.counts.new_zeros(1), None, frames.shape[0])
        return share_of_mean(frames.shape[0], sizes)

    def _move(self, frames: Tensor, codes: Tensor) -> Tensor:
        """The update of the class's docstring; returns how many frames each process brought."""
        counts, sums, sizes = sum_over_processes(
            count_codes(codes, self.codebook_size), sum_by_code(frames, codes, self.codebook_size), frames.shape[0]
        )
        assert sums is not None
        self.window.add(counts)
        is_sound = (sums.sum() / sizes.sum()).isfinite()  # nor is 0 / 0
        step = 1 - self.decay
        if not is_sound.is_cpu:  # no look at it: that would mean to wait
            step = step * is_sound
            sums.nan_to_num_(0.0, 0.0, 0.0)
        elif not is_sound:
            return sizes
        self.counts.lerp_(counts, step)
        self.sums.lerp_(sums, step)
        if self.revive_below > 0:
            self._revive(frames, sizes, is_sound)
        return sizes

    def has_started(self) -> bool:
        """Whether the codes come from data; waits for the device until they do."""
        if not self._knows_started:
            self._knows_started = bool(self.is_started)
        return self._knows_started

    @torch.no_grad()
    def start(self, frames: Tensor) -> None:
        """K-means on frames `n d` of the first batch, or of its first part.

        Like the moving average, counts are in frames per batch.
        """
        _, _, sizes = sum_over_processes(self.counts.new_zeros(1), None, frames.shape[0])
        total = int(sizes.sum())
        if total == 0:
            return
        num_wanted = START_FRAMES_PER_CODE * self.codebook_size
        if total > num_wanted:
            positions = random_positions(num_wanted, sizes)
        else:
            positions = torch.arange(total, device=frames.device)
        sample = frames_at(positions, frames, sizes)
        if not sample.isfinite().all():
            return
        counts, sums = kmeans(sample, self.codebook_size, self.kmeans_iterations)
        scale = total * self.num_parts / sample.shape[0]
        self.counts.copy_(counts * scale)
        self.sums.copy_(sums * scale)
        copy_from_first([self.counts, self.sums])
        self.is_started.fill_(True)

    def _revive(self, frames: Tensor, sizes: Tensor, is_sound: Tensor) -> None:
        """Put codes of little use on random frames, count and sum together, with the weight of a mean code.

        On a CPU only when there is one; elsewhere always, on fixed shapes, because to look would mean to wait.
        """
        mean = self.counts.mean()
        if mean.is_cpu and self.counts.amin() >= self.revive_below * mean:
            return
        is_dead = (self.counts < self.revive_below * mean) & is_sound
        fresh = frames_at(random_positions(self.codebook_size, sizes), frames, sizes)
        self.sums.copy_(torch.where(is_dead.unsqueeze(1), fresh * mean, self.sums))
        self.counts.copy_(torch.where(is_dead, mean, self.counts))


def _forget_started(module: nn.Module, _: object) -> None:
    assert isinstance(module, EmaCodebook)
    module._knows_started = False


def _are_same(old: _Source, new: _Source) -> bool:
    return old[0] is new[0] and old[1] == new[1] and old[2] is new[2] and old[3] == new[3]
