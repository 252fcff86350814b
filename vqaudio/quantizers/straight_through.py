"""Gradient estimators for quantization: straight-through, or rotated with the vector."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, quantized: Tensor) -> Tensor:
        return quantized.view_as(quantized)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None]:
        return gradients[0], gradients[0] if ctx.needs_input_grad[1] else None


def straight_through(vectors: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized`, bit for bit, whose gradient reaches `vectors` unchanged (and `quantized`, if it wants one).

    vectors, quantized: `... d`.  Source: Bengio et al. 2013, arXiv:1308.3432; van den Oord et al. 2017.
    The usual `vectors + (quantized - vectors).detach()` gives `quantized` only up to rounding, and costs two passes.
    """
    result = _StraightThrough.apply(vectors, quantized)
    assert isinstance(result, Tensor)
    return result


class _StraightThroughWithError(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, vectors: Tensor, quantized: Tensor, error: Tensor, weights: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(vectors, quantized, weights)
        return quantized.view_as(quantized), error.view_as(error)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        of_result, of_error = gradients
        if of_error is None:
            return of_result, None, None, None
        vectors, quantized, weights = ctx.saved_tensors
        scale = of_error * (2 / max(1, vectors.numel()))
        gradient = (vectors - quantized) * (scale if weights is None else (scale * weights).unsqueeze(1))
        return gradient if of_result is None else gradient + of_result, None, None, None


def straight_through_with_error(
    vectors: Tensor, quantized: Tensor, error: Tensor, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return `straight_through(vectors, quantized)`, and their `frame_error` with its gradient for `vectors` alone.

    vectors, quantized: `n d`.  error: scalar, the value of that error, which is known.  weights: `n`, those in it.
    """
    result = _StraightThroughWithError.apply(vectors, quantized, error, weights)
    assert isinstance(result, tuple)
    return result


def rotate_to(vectors: Tensor, quantized: Tensor) -> Tensor:
    """Return `quantized`, bit for bit, whose gradient reaches `vectors` rotated and scaled as vector was to code.

    The forward pass is `s R x` with s = |q| / |x| and R the rotation that carries x onto q, both constants for the
    gradient: g arrives as s R^T g, so that angles between gradient and vector are kept.
    With unit vectors x, q and r = (x + q) / |x + q|:  R y = y - 2 r (r.y) + 2 q (x.y).
    vectors, quantized: `... d`.  Source: Fifty et al. 2024, arXiv:2410.06424, section 4.2.
    """
    target = quantized.detach()
    source = vectors.detach()
    source_unit, target_unit = normalize(source, dim=-1), normalize(target, dim=-1)
    middle = normalize(source_unit + target_unit, dim=-1)
    scale = target.norm(dim=-1, keepdim=True) / source.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    along_middle = (vectors * middle).sum(dim=-1, keepdim=True)
    along_source = (vectors * source_unit).sum(dim=-1, keepdim=True)
    turned = scale * (vectors - 2 * along_middle * middle + 2 * along_source * target_unit)
    return straight_through(turned, quantized)
