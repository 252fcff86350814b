"""Discriminators learn what recorded speech looks like; those of the spectrum share its bins among them."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from vqaudio.core.errors import VqaudioError
from vqaudio.training.discriminators import (
    DiscriminatorConfig,
    MagnitudeDiscriminator,
    PeriodDiscriminator,
    SpectrumDiscriminator,
    build_discriminators,
)
from vqaudio.training.losses import discriminator_loss, recorded_spectrum

BOTH = ("spectrum", "waveform")


def build(kind: str, compared: tuple[str, ...] = BOTH) -> Any:
    config = DiscriminatorConfig(kind, period_width=2, spectrum_width=2)
    return build_discriminators(config, sample_rate_hz=16_000, compared=compared)


def pulses(period_samples, num_crops=2):
    """Log magnitudes `b t f` of a voice that does not move, in a little noise: sharp harmonics."""
    audio = torch.zeros(num_crops, 1, 3_200)
    audio[..., ::period_samples] = 0.5
    return recorded_spectrum(audio + 1e-3 * torch.randn(audio.shape), num_frames=20, hop=160, delay_frames=0)


def blurred(log_magnitudes):
    """What a squared error makes of harmonics that a decoder is not sure of."""
    return F.avg_pool1d(log_magnitudes, 9, stride=1, padding=4, count_include_pad=False)


def loss_after_learning(judge, real, fake, num_steps=30):
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-2)
    for _ in range(num_steps):
        loss = discriminator_loss([judge(real())[0]], [judge(fake())[0]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())  # 0.5 is what a judge who knows nothing gets


@pytest.mark.parametrize("make", [lambda: PeriodDiscriminator(3, 4), lambda: SpectrumDiscriminator(256, 8)])
def test_a_discriminator_learns_to_tell_noise_from_a_tone(make):
    torch.manual_seed(0)
    tone = torch.sin(torch.arange(2_400) * 0.3)[None, None].repeat(2, 1, 1)
    assert loss_after_learning(make(), lambda: tone, lambda: torch.randn(2, 1, 2_400)) < 0.25


@pytest.mark.parametrize("band", [(0.0, 0.25), (0.25, 0.5), None], ids=["low", "middle", "mels"])
def test_a_discriminator_learns_to_tell_sharp_harmonics_from_blurred_ones_of_any_voice(band):
    torch.manual_seed(0)
    judge, seen = MagnitudeDiscriminator(16_000, 4, band=band), pulses(100)
    loss_after_learning(judge, lambda: seen, lambda: blurred(seen), num_steps=40)
    other = pulses(80)
    with torch.inference_mode():
        assert judge(other)[0].mean() > judge(blurred(other))[0].mean() + 0.1


def test_every_bin_is_judged_by_one_band_and_by_the_mel_bands():
    torch.manual_seed(0)
    seen = pulses(100).requires_grad_()
    members = build("spectrum").members
    looks = torch.stack([torch.autograd.grad(m(seen)[0].sum(), seen)[0].abs().sum(dim=(0, 1)) > 0 for m in members])
    assert looks[:-1].sum(dim=0).tolist() == [1] * 321
    assert looks[-1].all()


def test_what_lies_below_the_floor_of_hearing_is_not_judged():
    torch.manual_seed(0)
    silence, deeper, speech = torch.full((1, 20, 321), -16.0), torch.full((1, 20, 321), -20.0), pulses(100, 1)
    judges = build("spectrum")
    for one, other, heard in zip(*(judges(seen)[0] for seen in (silence, deeper, speech)), strict=True):
        assert (one - other).abs().max() < 1e-2 * (one - heard).abs().max()


@pytest.mark.parametrize(("kind", "num_members", "num_features"), [("waveform", 8, 5), ("spectrum", 6, 4)])
def test_all_discriminators_judge_and_offer_features(kind, num_members, num_features):
    judges = build(kind)
    scores, features = judges(torch.randn(2, 1, 8_000) if kind == "waveform" else pulses(100))
    assert judges.place == kind
    assert len(scores) == len(features) == num_members
    assert all(score.shape[0] == 2 for score in scores)
    assert all(len(member) == num_features for member in features)


def test_the_kind_none_builds_nothing_and_an_unknown_one_is_refused():
    assert build("none", compared=()) is None
    with pytest.raises(VqaudioError, match="none, spectrum, waveform"):
        build("mel")


@pytest.mark.parametrize(
    ("kind", "place", "wanted"), [("waveform", "spectrum", "mel"), ("spectrum", "waveform", "losses.spectrum")]
)
def test_discriminators_that_no_loss_can_balance_are_refused(kind, place, wanted):
    with pytest.raises(VqaudioError, match=wanted):
        build(kind, compared=(place,))


@pytest.mark.parametrize("kind", ["waveform", "spectrum"])
def test_features_carry_the_gradient_back_and_have_the_widths_of_their_kind(kind):
    config = DiscriminatorConfig(kind, period_width=3, spectrum_width=5)
    judges: Any = build_discriminators(config, sample_rate_hz=16_000, compared=(kind,))
    seen = (torch.randn(1, 1, 4_000) if kind == "waveform" else pulses(100, 1)).requires_grad_()
    for member in judges(seen)[1]:
        for feature in member:
            assert torch.autograd.grad(feature.sum(), seen, retain_graph=True)[0].abs().sum() > 0
    widths = {type(member).__name__: member.convs[0].out_channels for member in judges.members}
    wanted = {"PeriodDiscriminator": 3, "SpectrumDiscriminator": 5, "MagnitudeDiscriminator": 5}
    assert widths == {name: wanted[name] for name in widths}


@pytest.mark.parametrize(("num_samples", "num_rows"), [(808, 202), (806, 202), (809, 203)])
def test_sound_is_folded_into_rows_of_one_period_and_filled_up_only_where_it_must_be(num_samples, num_rows):
    judge, shapes = PeriodDiscriminator(4, 2), []
    judge.convs[0].register_forward_pre_hook(lambda module, inputs: shapes.append(tuple(inputs[0].shape)))
    judge(torch.randn(1, 1, num_samples))
    assert shapes == [(1, 1, num_rows, 4)]
