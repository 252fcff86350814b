"""Discriminators at work: one pass over recorded and decoded speech serves their own step and the codec's gradient."""

import torch
from torch import Tensor

from vqaudio.training.codec_step import CodecLosses, Losses, weighted_sum
from vqaudio.training.discriminators import Discriminators
from vqaudio.training.launch import mean_over_processes
from vqaudio.training.losses import discriminator_loss


def judge(
    discriminators: Discriminators, losses: CodecLosses, audio: Tensor, decoded: Tensor, *, share: float = 1.0
) -> tuple[Tensor, Losses]:
    """Leaves the discriminators' own gradients with them, times `share`.

    audio, decoded: `b 1 n`, decoded with its gradient.  Returns the gradient `b 1 n` at the decoded sound, and losses.
    """
    real, fake = losses.judge(discriminators, audio, decoded)
    judged, own = losses.adversarial(real, fake), discriminator_loss(real[0], fake[0])
    (gradient,) = torch.autograd.grad(weighted_sum(judged), decoded, retain_graph=True)
    (own * share).backward(inputs=list(discriminators.parameters()))
    return gradient, judged | {"discriminator": (own, 0.0)}


def balanced(reconstruction: Tensor, verdict: Tensor, *, share: float) -> Tensor:
    """The sum of two gradients `b 1 n`, the second scaled to a fixed share of the first one's norm.

    So no weight must be tuned to the discriminators' mood.
    Source: adaptive weight of VQGAN, arXiv:2012.09841, eq. 7.
    """
    powers = mean_over_processes(torch.stack([reconstruction.square().sum(), verdict.square().sum()]))
    size, verdict_size = powers.sqrt()
    return reconstruction + share * size / verdict_size.clamp(min=1e-12) * verdict
