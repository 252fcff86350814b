"""One pass with its gradients: parts make the whole, and codec and discriminators learn from their own losses."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from vqaudio.training.batches import batch_parts
from vqaudio.training.codec_step import CodecLosses, LossWeights
from vqaudio.training.discriminators import Discriminators
from vqaudio.training.gradients import add_gradients, balanced
from vqaudio.training.losses import discriminator_loss

FLOAT32 = torch.autocast("cpu", enabled=False)


class Filter(nn.Module):
    """Stands for a codec: three taps, decoded sound and nothing else."""

    encoder = quantizer = decoder = None

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> SimpleNamespace:
        return SimpleNamespace(audio=self.conv(audio), commitment=self.conv.weight.square().mean())


@pytest.fixture
def audio():
    return torch.randn(4, 1, 4_000) * 0.1


def gradients(module):
    return [value.grad.clone() for value in module.parameters() if value.grad is not None]


def test_the_verdict_has_a_fixed_share_of_the_reconstruction_whatever_its_size():
    one, verdict = torch.randn(2, 1, 50), torch.randn(2, 1, 50)
    for scale in (1e-3, 1.0, 1e3):
        added = balanced(one, scale * verdict, share=0.5) - one
        assert_close(added.norm(), 0.5 * one.norm())
        assert_close(added / added.norm(), verdict / verdict.norm())


def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole(audio):
    codec, losses = Filter(), CodecLosses(LossWeights(waveform=0.0), 16_000)
    found = []
    for num_parts in (1, 2, 4):
        codec.zero_grad()
        parts = batch_parts(num_parts, audio, None, None)
        values = add_gradients(codec, losses, parts, discriminators=None, autocast=FLOAT32)
        found.append([*gradients(codec), values["mel"], values["commitment"]])
    assert_close(found[1], found[0])
    assert_close(found[2], found[0])


def test_discriminators_get_the_gradient_of_their_own_loss_alone(audio):
    codec, losses = Filter(), CodecLosses(LossWeights(), 16_000)
    discriminators = Discriminators(period_width=2, spectrum_width=2)
    parts = batch_parts(1, audio, None, None)
    add_gradients(codec, losses, parts, discriminators=discriminators, autocast=FLOAT32)
    in_the_pass = gradients(discriminators)
    discriminators.zero_grad()
    real, fake = losses.judge(discriminators, audio, codec.conv(audio).detach())
    discriminator_loss(real[0], fake[0]).backward()
    assert_close(in_the_pass, gradients(discriminators))


def test_the_codec_feels_discriminators_only_where_there_are_some(audio):
    codec, losses, found = Filter(), CodecLosses(LossWeights(), 16_000), []
    for discriminators in (None, Discriminators(period_width=2, spectrum_width=2)):
        codec.zero_grad()
        parts = batch_parts(1, audio, None, None)
        named = add_gradients(codec, losses, parts, discriminators=discriminators, autocast=FLOAT32)
        assert ("adversarial" in named) == (discriminators is not None)
        found.append(torch.cat([value.flatten() for value in gradients(codec)]))
    assert (found[0] - found[1]).norm() > 0.01 * found[0].norm()
