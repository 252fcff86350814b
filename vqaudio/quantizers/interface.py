"""The interface of quantizers, so that a codec can take any of them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from torch import Tensor

from vqaudio.quantizers.usage import CodebookUsage


class Quantized(NamedTuple):
    """The output of a quantizer for vectors `... d`.

    vectors: `... d` float32, the chosen code vectors; in training gradients pass through them to the input.
    codes: `... k` int64.
    commitment: scalar, the loss that ties vectors and codes to each other (each quantizer says which).
    Masked frames have zero vectors and code 0, and nothing else depends on them.
    """

    vectors: Tensor
    codes: Tensor
    commitment: Tensor


class Quantizer(Protocol):
    """A quantizer: the vector axis is last, all axes before it are free (1-D, 2-D, 3-D latents)."""

    @property
    def width(self) -> int:
        """Length of the vectors that come in and go out."""
        ...

    @property
    def num_codebooks(self) -> int:
        """Codes per vector."""
        ...

    @property
    def codebook_size(self) -> int:
        """Codes per codebook."""
        ...

    def __call__(self, vectors: Tensor, mask: Tensor | None = None, level_offset: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training also learn from those where `mask` `...` (bool) is true.

        level_offset: `... d`, what is added after the first codebook: it shapes all codes but the first.
        """
        ...

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, level_offset: Tensor | None = None) -> Tensor:
        """Find the codes `... k` int64 of vectors `... d`; k is `num_codebooks` or all. Never learns."""
        ...

    def decode(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` float32 of codes `... k`; a stack takes fewer codebooks than it has."""
        ...

    def statistics(self) -> list[CodebookUsage]:
        """Compute the usage of each codebook in training since `reset_statistics`. Waits for the device."""
        ...

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        ...


class QuantizerConfig(Protocol):
    """The section of a recipe for a quantizer; the dataclass stands beside the quantizer's class."""

    @property
    def kind(self) -> str:
        """Name of the quantizer in `vqaudio.quantizers.kinds`."""
        ...

    @property
    def num_codebooks(self) -> int:
        """Codes per vector."""
        ...

    @property
    def codebook_size(self) -> int:
        """Codes per codebook."""
        ...


class SingleCodebook(Quantizer, Protocol):
    """A quantizer with one codebook that can be a layer of a `ResidualQuantizer`; `n` counts frames of all axes.

    There is no codebook after its first: it takes a `level_offset` and has no use for it.
    """

    def quantize(self, frames: Tensor, weights: Tensor | None = None) -> Quantized:
        """Quantize frames `n d` (float32, autocast off) for a stack that makes the straight-through step itself.

        weights: `n`, each frame's share in the commitment.  Returns codes `n`, and vectors `n d` whose gradient
        reaches this layer's own projections but not `frames`.
        """
        ...

    def nearest(self, frames: Tensor) -> Tensor:
        """Find the nearest codes `n` of frames `n d`. Never learns."""
        ...

    def lookup(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `...`."""
        ...
