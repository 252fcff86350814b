"""One pass with its gradients: parts make the whole, and codec and discriminators learn from their own losses."""

import dataclasses
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close as assert_close_to

from vqaudio.training import codec_step
from vqaudio.training.auditory import DisturbanceLoss, IntelligibilityLoss
from vqaudio.training.batches import batch_parts
from vqaudio.training.codec_step import (
    CodecLosses,
    LossWeights,
    add_gradients,
    balance_gradients,
    discriminator_step,
    run_discriminators,
)
from vqaudio.training.discriminators import DiscriminatorConfig, build_discriminators
from vqaudio.training.losses import LogMagnitudeLoss, discriminator_loss

assert_close = partial(assert_close_to, rtol=1e-4, atol=1e-5)  # gradients are sums over thousands of samples
FLOAT32 = torch.autocast("cpu", enabled=False)


class Filter(nn.Module):
    """Stands for a codec: three taps, decoded sound and nothing else."""

    encoder = quantizer = decoder = None

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 1, 3, padding=1)

    def forward(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> SimpleNamespace:
        return SimpleNamespace(audio=self.conv(audio), commitment=self.conv.weight.square().mean(), pitch=None)


class Painter(nn.Module):
    """Stands for a codec: one predicted spectrum `b t f`, the same for every audio, and nothing else."""

    encoder = quantizer = None
    decoder = SimpleNamespace(network_lookahead=0, upsampling=2, head=SimpleNamespace(hop=160))

    def __init__(self) -> None:
        super().__init__()
        self.log_magnitudes = nn.Parameter(torch.full((4, 25, 321), -6.0))
        self.commitment = nn.Parameter(torch.ones(()))

    def forward(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> SimpleNamespace:
        return SimpleNamespace(
            log_magnitudes=self.log_magnitudes[: len(audio)] * 1.0, commitment=self.commitment.square(), pitch=None
        )


WEIGHTS = {"waveform": LossWeights(), "spectrum": LossWeights(spectrum=1.0, mel=0.0, waveform=0.0)}
CODECS = {"waveform": Filter, "spectrum": Painter}


def discriminators_of(kind: str) -> Any:
    config = DiscriminatorConfig(kind, period_width=2, spectrum_width=2)
    return build_discriminators(config, sample_rate_hz=16_000, compared=(kind,))


@pytest.fixture
def audio():
    return torch.randn(4, 1, 4_000) * 0.1


def gradients(module):
    return [value.grad.clone() for value in module.parameters() if value.grad is not None]


def test_the_verdict_has_a_fixed_share_of_the_reconstruction_whatever_its_size():
    one, verdict = torch.randn(2, 1, 50), torch.randn(2, 1, 50)
    for scale in (1e-3, 1.0, 1e3):
        added = balance_gradients(one, scale * verdict, share=0.5) - one
        assert_close(added.norm(), 0.5 * one.norm())
        assert_close(added / added.norm(), verdict / verdict.norm())


def test_parts_of_a_batch_add_up_to_the_gradient_of_the_whole(audio):
    codec: Any = Filter()
    losses = CodecLosses(LossWeights(waveform=0.0), 16_000)
    found = []
    for num_parts in (1, 2, 4):
        codec.zero_grad()
        parts = batch_parts(num_parts, audio, None, None)
        values = add_gradients(codec, losses, parts, discriminators=None, autocast=FLOAT32)
        found.append([*gradients(codec), values["mel"], values["commitment"]])
    assert_close(found[1], found[0])
    assert_close(found[2], found[0])


@pytest.mark.parametrize("kind", WEIGHTS)
def test_discriminators_too_get_the_gradient_of_the_whole_from_its_parts(audio, kind):
    codec, losses, discriminators = CODECS[kind](), CodecLosses(WEIGHTS[kind], 16_000), discriminators_of(kind)
    found = []
    for num_parts in (1, 2, 4):
        discriminators.zero_grad()
        parts = batch_parts(num_parts, audio, None, None)
        values = add_gradients(codec, losses, parts, discriminators=discriminators, autocast=FLOAT32)
        found.append([*gradients(discriminators), values["discriminator"], values["adversarial"]])
    assert_close(found[1], found[0])
    assert_close(found[2], found[0])


@pytest.mark.parametrize("kind", WEIGHTS)
def test_discriminators_get_the_gradient_of_their_own_loss_alone(audio, kind):
    codec, losses, discriminators = CODECS[kind](), CodecLosses(WEIGHTS[kind], 16_000), discriminators_of(kind)
    parts = batch_parts(1, audio, None, None)
    add_gradients(codec, losses, parts, discriminators=discriminators, autocast=FLOAT32)
    in_the_pass = gradients(discriminators)
    discriminators.zero_grad()
    comparison = losses.compare(codec, codec(audio, None, None), audio)[kind]
    real, fake = run_discriminators(discriminators, comparison._replace(given=comparison.given.detach()))
    discriminator_loss(real[0], fake[0]).backward()
    assert_close(in_the_pass, gradients(discriminators))


@pytest.mark.parametrize("kind", WEIGHTS)
def test_the_codec_feels_discriminators_only_where_there_are_some(audio, kind):
    codec, losses, found = CODECS[kind](), CodecLosses(WEIGHTS[kind], 16_000), []
    for discriminators in (None, discriminators_of(kind)):
        codec.zero_grad()
        parts = batch_parts(1, audio, None, None)
        named = add_gradients(codec, losses, parts, discriminators=discriminators, autocast=FLOAT32)
        assert ("adversarial" in named) == (discriminators is not None)
        found.append(torch.cat([value.flatten() for value in gradients(codec)]))
    assert (found[0] - found[1]).norm() > 0.01 * found[0].norm()


@pytest.mark.parametrize("share", [0.0, 0.5, 2.0])
def test_at_the_predicted_spectrum_the_verdict_has_its_share_of_the_spectrum_loss(audio, share):
    """Here the spectrum is a parameter: its gradient is the gradient where the discriminators look."""
    codec: Any = Painter()
    found = []
    losses = CodecLosses(dataclasses.replace(WEIGHTS["spectrum"], adversarial_share=share), 16_000)
    for discriminators in (None, discriminators_of("spectrum")):
        codec.zero_grad()
        add_gradients(codec, losses, [(audio, None, None)], discriminators=discriminators, autocast=FLOAT32)
        assert codec.log_magnitudes.grad is not None
        found.append(codec.log_magnitudes.grad.clone())
    assert_close((found[1] - found[0]).norm(), share * found[0].norm())


def test_discriminators_of_one_place_leave_the_other_place_alone(audio):
    """Both losses count; discriminators of the waveform hear the sound, so the spectrum's gradient stays."""

    class Both(Painter):
        def __init__(self) -> None:
            super().__init__()
            self.sound = Filter()

        def forward(self, audio: Tensor, speakers: Tensor | None, lengths: Tensor | None) -> SimpleNamespace:
            painted = super().forward(audio, speakers, lengths)
            return SimpleNamespace(**vars(painted), audio=self.sound.conv(audio))

    codec: Any = Both()
    found = []
    losses = CodecLosses(LossWeights(spectrum=1.0), 16_000)
    for discriminators in (None, discriminators_of("waveform"), discriminators_of("spectrum")):
        codec.zero_grad()
        add_gradients(codec, losses, [(audio, None, None)], discriminators=discriminators, autocast=FLOAT32)
        assert codec.log_magnitudes.grad is not None
        found.append((codec.log_magnitudes.grad.clone(), gradients(codec.sound)))
    (spectrum, sound), by_waveform, by_spectrum = found
    assert torch.equal(spectrum, by_waveform[0])
    assert not torch.equal(spectrum, by_spectrum[0])
    assert all(torch.equal(one, other) for one, other in zip(sound, by_spectrum[1], strict=True))
    assert not torch.equal(sound[0], by_waveform[1][0])


@pytest.mark.parametrize(
    ("weights", "has_sound", "compared"),
    [
        (LossWeights(), True, ("waveform",)),
        (LossWeights(mel=0.0), True, ("waveform",)),
        (LossWeights(waveform=0.0), True, ("waveform",)),
        (LossWeights(spectrum=1.0), True, ("spectrum", "waveform")),
        (LossWeights(spectrum=1.0, mel=0.0, waveform=0.0), False, ("spectrum",)),
        (LossWeights(mel=0.0, waveform=0.0), False, ()),
    ],
)
def test_what_is_compared_follows_from_the_weights(weights, has_sound, compared):
    assert (weights.has_sound, weights.compared) == (has_sound, compared)


def test_losses_of_hearing_judge_the_powers_of_the_predicted_spectrum():
    codec: Any = Painter()
    codec.log_magnitudes = nn.Parameter(torch.randn(1, 60, 321) - 4)
    audio = 0.1 * torch.randn(1, 1, 9_600)
    weights = LossWeights(spectrum=2.0, disturbance=0.5, intelligibility=0.25, mel=0.0, waveform=0.0, soft_share=0.5)
    losses = CodecLosses(weights, 16_000)
    for _ in range(2):  # they are made once
        comparison = losses.compare(codec, codec(audio, None, None), audio)["spectrum"]
    assert {name: weight for name, (_, weight) in comparison.losses.items()} == {
        "spectrum": 2.0, "disturbance": 0.5, "intelligibility": 0.25,
    }  # fmt: skip
    powers = torch.exp(2 * comparison.given), torch.exp(2 * comparison.wanted)
    for name, judge in (("disturbance", DisturbanceLoss), ("intelligibility", IntelligibilityLoss)):
        assert_close(comparison.losses[name][0], judge(16_000, 321)(*powers))
    wanted = LogMagnitudeLoss(16_000, soft_share=0.5)(comparison.given, comparison.wanted)
    assert_close(comparison.losses["spectrum"][0], wanted)


def test_the_verdict_weighs_scores_and_features_by_their_own_weights(audio):
    codec, discriminators, found = Filter(), discriminators_of("waveform"), {}
    for weights in (LossWeights(adversarial=3.0, feature_matching=5.0), LossWeights()):
        losses = CodecLosses(weights, 16_000)
        comparison = losses.compare(codec, codec(audio, None, None), audio)["waveform"]  # pyright: ignore
        _, named = discriminator_step(discriminators, losses, comparison)
        found[weights.adversarial] = {name: weight for name, (_, weight) in named.items()}
    assert found[3.0] == {"adversarial": 3.0, "feature_matching": 5.0, "discriminator": 0.0}


def test_a_verdict_without_gradient_leaves_the_reconstruction_finite():
    one = torch.randn(2, 1, 50)
    assert torch.equal(balance_gradients(one, torch.zeros(2, 1, 50), share=1.0), one)


def test_what_a_decoder_says_late_is_compared_with_the_recording_of_then(monkeypatch):
    asked = []
    recorded = codec_step.recorded_spectrum
    monkeypatch.setattr(
        codec_step, "recorded_spectrum", lambda audio, **how: asked.append(how) or recorded(audio, **how)
    )
    codec: Any = Painter()
    codec.decoder = SimpleNamespace(network_lookahead=3, upsampling=2, head=SimpleNamespace(hop=160))
    audio = torch.randn(2, 1, 8_000)
    CodecLosses(WEIGHTS["spectrum"], 16_000).compare(codec, codec(audio, None, None), audio)
    assert asked == [{"num_frames": 25, "hop": 160, "delay_frames": 6}]
