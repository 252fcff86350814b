"""The quantizer whose codebook follows exponential moving averages of the vectors assigned to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.functional import embedding, normalize

from vqaudio.core.config import between, renamed_from
from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.assignment import frame_error, squared_distances
from vqaudio.quantizers.ema_codebook import EmaCodebook
from vqaudio.quantizers.frames import float32_inside, real_frames
from vqaudio.quantizers.interface import Quantized
from vqaudio.quantizers.search import nearest_codes
from vqaudio.quantizers.single import decode_single, encode_single
from vqaudio.quantizers.straight_through import rotate_to, straight_through, straight_through_with_error
from vqaudio.quantizers.usage import CodebookUsage


@dataclass(frozen=True)
class EmaConfig:
    """The arguments of `EmaQuantizer`; more than one codebook makes a residual stack.

    kind: `ema`, `gradient` or `finite_scalar`.  num_codebooks: of the residual stack.  codebook_size: codes in each.
    decay: of the moving averages.  dead_code_threshold: a code used less than this share of the mean use is moved to a
    frame; 0 for never.  projection_width: dimensions in which codes are looked up, after a projection; null for those
    of the latents.  is_l2_normalized: vectors and codes have length 1.  has_rotation_trick: gradients are rotated from
    code to vector, arXiv:2410.06424.  quantizer_dropout: share of training frames that use only the first codebooks,
    see `ResidualQuantizer`.  unquantized: share of training frames that no codebook touches.
    """

    kind: str = "ema"
    num_codebooks: int = field(default=8, metadata=between(1, 256))
    codebook_size: int = field(default=1024, metadata=between(1, 65_536))
    decay: float = 0.99
    dead_code_threshold: float = field(default=0.1, metadata=renamed_from("revive_below"))
    projection_width: int | None = field(default=None, metadata=between(1, 8_192))
    is_l2_normalized: bool = False
    has_rotation_trick: bool = False
    quantizer_dropout: float = field(default=0.5, metadata=renamed_from("dropout"))
    unquantized: float = 0.0


class EmaQuantizer(nn.Module):
    """One codebook, updated by exponential moving averages instead of gradients; see `EmaCodebook` for how.

    commitment: the plain mean squared error between vectors (after `project_in` and normalisation, where these are
    on) and their codes; its gradient reaches the vectors only. Not weighted: the training recipe does that.
    """

    def __init__(
        self,
        width: int,
        codebook_size: int,
        *,
        decay: float = 0.99,
        projection_width: int | None = None,
        l2_normalized: bool = False,
        rotation_trick: bool = False,
        dead_code_threshold: float = 0.1,
        kmeans_iterations: int = 10,
    ) -> None:
        """Make a codebook of `codebook_size` codes for vectors of `width`.

        projection_width: search in so many dimensions, between two learned linear maps (8 keeps all codes alive).
        l2_normalized: vectors and codes on the unit sphere.  rotation_trick: see `rotate_to`.
        dead_code_threshold: a code used less than this fraction of the mean is put on a random frame; 0 turns it off.
        kmeans_iterations: of the start from the first training batch; 0 keeps the start uniform(-1/v, 1/v).
        Raises VqaudioError for values out of range.
        """
        super().__init__()
        if width < 1 or codebook_size < 2 or not 0 <= decay < 1 or not 0 <= dead_code_threshold < 1:
            raise VqaudioError(
                f"width {width}, codebook_size {codebook_size}, decay {decay}, dead_code_threshold "
                f"{dead_code_threshold}: wanted width >= 1, codebook_size >= 2, decay and dead_code_threshold in [0, 1)"
            )
        self.width, self.codebook_size, self.num_codebooks = width, codebook_size, 1
        self.is_projected, self.l2_normalized = projection_width is not None, l2_normalized
        self.rotation_trick = rotation_trick
        inner = width if projection_width is None else projection_width
        self.project_in = nn.Linear(width, inner) if self.is_projected else nn.Identity()
        self.project_out = nn.Linear(inner, width) if self.is_projected else nn.Identity()
        self.codebook = EmaCodebook(
            inner,
            codebook_size,
            decay=decay,
            l2_normalized=l2_normalized,
            dead_code_threshold=dead_code_threshold,
            kmeans_iterations=kmeans_iterations,
        )

    @classmethod
    def from_config(cls, config: EmaConfig, width: int) -> EmaQuantizer:
        """Build one codebook for vectors of `width`."""
        return cls(
            width,
            config.codebook_size,
            decay=config.decay,
            dead_code_threshold=config.dead_code_threshold,
            projection_width=config.projection_width,
            l2_normalized=config.is_l2_normalized,
            rotation_trick=config.has_rotation_trick,
        )

    def forward(self, vectors: Tensor, mask: Tensor | None = None, level_offset: Tensor | None = None) -> Quantized:
        """Quantize vectors `... d`; in training update the codebook from those where `mask` `...` is true.

        Raises VqaudioError if d is not the width or the mask does not fit.
        """
        with real_frames(vectors, self.width, mask) as real:
            latents = self._latents(real.values)
            frames, chosen, codes, commitment = self._choose(latents)
            if self.rotation_trick:
                frames = rotate_to(latents, chosen)
            if self.is_projected:
                frames = self.project_out(frames)
            return real.quantized(frames, codes.unsqueeze(1), commitment)

    def quantize(self, frames: Tensor, weights: Tensor | None = None) -> Quantized:
        """Quantize frames as one layer of a stack; see `SingleCodebook.quantize`."""
        latents = self._latents(frames)
        _, chosen, codes, commitment = self._choose(latents, weights)
        if self.is_projected:
            cross = rotate_to if self.rotation_trick else straight_through
            chosen = self.project_out(cross(self._latents(frames.detach()), chosen))
        return Quantized(chosen, codes, commitment)

    def encode(self, vectors: Tensor, num_codebooks: int | None = None, level_offset: Tensor | None = None) -> Tensor:
        """Find the codes `... 1` of vectors `... d`."""
        return encode_single(self, vectors, num_codebooks)

    def decode(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `... 1`."""
        return decode_single(self, codes)

    def nearest(self, frames: Tensor) -> Tensor:
        """Find the nearest codes `n` of frames `n d`."""
        return nearest_codes(self._latents(frames).detach(), *self.codebook.vectors_and_norms())

    def lookup(self, codes: Tensor) -> Tensor:
        """Look up the vectors `... d` of codes `...`."""
        return self.project_out(embedding(codes, self.codebook.vectors))

    def logits(self, vectors: Tensor) -> Tensor:
        """Compute negative squared distances `... v` of vectors `... d` to the codes, with gradients to the vectors."""
        with float32_inside(vectors):
            return -squared_distances(self._latents(vectors.float()), self.codebook.vectors)

    def statistics(self) -> list[CodebookUsage]:
        """Compute the usage of the codebook in training since `reset_statistics`."""
        return [self.codebook.window.usage()]

    def reset_statistics(self) -> None:
        """Begin a new window of statistics."""
        self.codebook.window.reset()

    def _latents(self, frames: Tensor) -> Tensor:
        latents = self.project_in(frames) if self.is_projected else frames
        return normalize(latents, dim=-1) if self.l2_normalized else latents

    def _choose(self, latents: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Choose the nearest codes of latents `n d`; in training update the codebook.

        Returns code vectors `n d`, straight-through and without gradient, codes `n` and the commitment loss.
        """
        frames = latents.detach()
        if not self.training:
            codes = nearest_codes(frames, *self.codebook.vectors_and_norms())
            chosen = embedding(codes, self.codebook.vectors)
            return straight_through(latents, chosen), chosen, codes, frame_error(latents, chosen, weights)
        if not self.codebook.has_started():
            self.codebook.start(frames)
        assignment, scale = self.codebook.step(frames, weights)
        straight, commitment = straight_through_with_error(latents, assignment.vectors, assignment.error, weights)
        return straight, assignment.vectors, assignment.codes, commitment if scale is None else commitment * scale
