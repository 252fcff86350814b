"""One pass through a codec, and through the discriminators that judge it, with the gradients of both."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vqaudio.training.batches import Batch
from vqaudio.training.codec_step import Codec, CodecLosses, Losses, Place, weighted_sum
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
            values = losses.latent(codec, output)
            roots, gradients = [weighted_sum(values) * share], [None]
            for name, place in losses.places(codec, output, audio).items():
                is_judged = discriminators is not None and discriminators.place == name
                gradient, seen = _compare(losses, place, discriminators if is_judged else None, share)
                roots, gradients, values = [*roots, place.given], [*gradients, gradient * share], values | seen
        torch.autograd.backward(roots, gradients)
        named.append({name: value.detach() for name, (value, _) in values.items()})
    return {name: torch.stack([part[name] for part in named]).mean() for name in named[0]}


def _compare(
    losses: CodecLosses, place: Place, discriminators: Discriminators | None, share: float
) -> tuple[Tensor, Losses]:
    """The gradient at what the codec gave, shaped as that, and the losses that it comes from.

    The losses of the place are taken back to it first, so that the discriminators' verdict can be balanced there.
    """
    (gradient,) = torch.autograd.grad(weighted_sum(place.losses), place.given)
    if discriminators is None:
        return gradient, place.losses
    verdict, judged = judge(discriminators, losses, place, share=share)
    return balanced(gradient, verdict, share=losses.weights.adversarial_share), place.losses | judged


def judge(
    discriminators: Discriminators, losses: CodecLosses, place: Place, *, share: float = 1.0
) -> tuple[Tensor, Losses]:
    """Leaves the discriminators' own gradients with them, times `share`.

    Returns the gradient at what the codec gave, shaped as that, and losses.
    """
    real, fake = losses.judge(discriminators, place)
    judged, own = losses.adversarial(real, fake), discriminator_loss(real[0], fake[0])
    (gradient,) = torch.autograd.grad(weighted_sum(judged), place.given, retain_graph=True)
    (own * share).backward(inputs=list(discriminators.parameters()))
    return gradient, judged | {"discriminator": (own, 0.0)}


def balanced(reconstruction: Tensor, verdict: Tensor, *, share: float) -> Tensor:
    """The sum of two gradients of one shape, the second scaled to a fixed share of the first one's norm.

    So no weight must be tuned to the discriminators' mood.
    Source: adaptive weight of VQGAN, arXiv:2012.09841, eq. 7.
    """
    powers = mean_over_processes(torch.stack([reconstruction.square().sum(), verdict.square().sum()]))
    size, verdict_size = powers.sqrt()
    return reconstruction + share * size / verdict_size.clamp(min=1e-12) * verdict
