"""One pass through a codec, and through the discriminators that judge it, with the gradients of both."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vqaudio.training.batches import Batch
from vqaudio.training.codec_step import Codec, CodecLosses, Losses, weighted_sum
from vqaudio.training.discriminators import Discriminators
from vqaudio.training.launch import mean_over_processes
from vqaudio.training.losses import discriminator_loss


def add_gradients(
    codec: Codec,
    losses: CodecLosses,
    parts: Sequence[Batch],
    *,
    discriminators: Discriminators | None,
    autocast: torch.autocast,
) -> dict[str, Tensor]:
    """Adds the mean gradient of the parts of a batch to those of the codec and of the discriminators.

    Returns the mean of every loss, still on the device.
    """
    share, named = 1 / len(parts), []
    for audio, speakers, lengths in parts:
        with autocast:
            output = codec(audio, speakers, lengths)
            latent = losses.latent(codec, output, audio)
            roots, gradients, heard = [weighted_sum(latent) * share], [None], {}
            if losses.weights.has_sound:
                gradient, heard = _hear(losses, audio, output.audio, discriminators, share)
                roots, gradients = [*roots, output.audio], [None, gradient * share]
        torch.autograd.backward(roots, gradients)
        named.append({name: value.detach() for name, (value, _) in (latent | heard).items()})
    return {name: torch.stack([part[name] for part in named]).mean() for name in named[0]}


def _hear(
    losses: CodecLosses, audio: Tensor, decoded: Tensor, discriminators: Discriminators | None, share: float
) -> tuple[Tensor, Losses]:
    """The gradient `b 1 n` at the decoded sound, and the losses that it comes from.

    These losses are taken back to the sound first, so that the discriminators' verdict can be balanced there.
    """
    heard = losses.sound(decoded, audio)
    (gradient,) = torch.autograd.grad(weighted_sum(heard), decoded)
    if discriminators is None:
        return gradient, heard
    verdict, judged = judge(discriminators, losses, audio, decoded, share=share)
    return balanced(gradient, verdict, share=losses.weights.adversarial_share), heard | judged


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
