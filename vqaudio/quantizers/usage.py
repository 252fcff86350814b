"""Codebook usage, over a window as long as the caller likes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class CodebookUsage:
    """The usage of one codebook over `num_frames` frames.

    usage: share of the codes that occurred.  perplexity: exp of the entropy, 1 (collapsed) to the codebook size.
    num_dead: codes that never occurred.  top_share: share of the frames that took the commonest code.
    """

    num_frames: int
    usage: float
    perplexity: float
    num_dead: int
    top_share: float

    @classmethod
    def from_counts(cls, counts: Tensor) -> CodebookUsage:
        """Compute the figures of counts `v`; without any frame usage, perplexity and top share are 0."""
        counts = counts.detach().to("cpu", torch.float64)
        total = counts.sum()
        if total == 0:
            return cls(num_frames=0, usage=0.0, perplexity=0.0, num_dead=counts.numel(), top_share=0.0)
        shares = counts / total
        return cls(
            num_frames=int(total),
            usage=float((counts > 0).double().mean()),
            perplexity=float(torch.special.entr(shares).sum().exp()),
            num_dead=int((counts == 0).sum()),
            top_share=float(shares.max()),
        )


class UsageWindow(nn.Module):
    """Running counts of the codes chosen in training since the last reset; they stay on the device until asked for.

    The window is a view on training, not a part of the model: it is not saved.
    """

    counts: Tensor

    def __init__(self, codebook_size: int) -> None:
        """Make an empty window for one codebook."""
        super().__init__()
        self.register_buffer("counts", torch.zeros(codebook_size, dtype=torch.int64), persistent=False)

    def add(self, counts: Tensor) -> None:
        """Add one step's counts `v`."""
        self.counts.add_(counts.to(torch.int64))

    def reset(self) -> None:
        """Begin a new window."""
        self.counts.zero_()

    def usage(self) -> CodebookUsage:
        """Compute the figures of the window so far."""
        return CodebookUsage.from_counts(self.counts)
