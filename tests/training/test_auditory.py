"""The auditory losses beside the measures that they stand for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from pesq import pesq
from pystoi import stoi

from vqaudio.audio.files import read_audio
from vqaudio.training.auditory import DisturbanceLoss, IntelligibilityLoss
from vqaudio.training.losses import recorded_spectrum

RATE_HZ, HOP, NUM_BINS = 16_000, 160, 321
SNRS_DB = (0, 10, 20, 30, 40)


def power_of(samples: np.ndarray) -> torch.Tensor:
    """Power spectra `1 t f` as a decoder would predict them."""
    audio = torch.from_numpy(samples.astype(np.float32))[None, None]
    spectrum = recorded_spectrum(audio, num_frames=len(samples) // HOP - 4, hop=HOP, delay_frames=0)
    return torch.exp(2 * spectrum)


@pytest.fixture(scope="module")
def speech(samples_dir: Path) -> np.ndarray:
    return read_audio(sorted(samples_dir.rglob("*.flac"))[0], RATE_HZ)[: 3 * RATE_HZ]


@pytest.fixture(scope="module")
def noisy(speech: np.ndarray) -> list[np.ndarray]:
    """The same speech in less and less noise."""
    noise = np.random.default_rng(0).standard_normal(len(speech))
    return [(speech + noise * speech.std() * 10 ** (-snr_db / 20)).astype(np.float32) for snr_db in SNRS_DB]


@pytest.fixture(params=[DisturbanceLoss, IntelligibilityLoss])
def loss(request) -> torch.nn.Module:
    return request.param(RATE_HZ, NUM_BINS)


def test_the_recording_itself_has_no_loss_at_any_level(loss, speech):
    assert float(loss(power_of(speech), power_of(speech))) < 3e-3
    assert float(loss(power_of(0.3 * speech), power_of(speech))) < 0.02


def test_the_loss_falls_as_the_noise_does(loss, noisy, speech):
    values = [float(loss(power_of(samples), power_of(speech))) for samples in noisy]
    assert values == sorted(values, reverse=True)
    assert values[0] > 4 * values[-1]


def test_disturbance_is_near_what_wideband_pesq_finds(noisy, speech):
    loss = DisturbanceLoss(RATE_HZ, NUM_BINS)
    for samples in noisy:
        score = 0.999 + 4 / (1 + np.exp(-1.3669 * (4.5 - float(loss(power_of(samples), power_of(speech)))) + 3.8224))
        assert score == pytest.approx(pesq(RATE_HZ, speech, samples, "wb"), abs=0.5)


def test_intelligibility_is_near_stoi(noisy, speech):
    loss = IntelligibilityLoss(RATE_HZ, NUM_BINS)
    for samples in noisy:
        wanted = stoi(speech, samples, RATE_HZ)
        assert 1 - float(loss(power_of(samples), power_of(speech))) == pytest.approx(wanted, abs=0.05)


def test_what_was_added_disturbs_more_than_what_is_missing(speech):
    loss, power = DisturbanceLoss(RATE_HZ, NUM_BINS), power_of(speech)
    louder, softer = power.clone(), power.clone()
    louder[..., 40:60] *= 30
    softer[..., 40:60] /= 30
    louder[:, ::2], softer[:, ::2] = power[:, ::2], power[:, ::2]  # now and then: what always differs is forgiven
    assert float(loss(louder, power)) > 1.2 * float(loss(softer, power))


@pytest.mark.parametrize("steps", [(0.2, 1.0), (1.0, 0.2)])
def test_a_step_of_the_gain_is_forgiven_within_a_frame(steps, speech):
    """P.862, section 10.2.9: the gain of a frame is compensated, four fifths of it at once."""
    wanted = power_of(speech).mean(dim=1, keepdim=True).expand(1, 100, -1)
    given = wanted * torch.tensor(steps).repeat_interleave(50)[:, None]
    assert float(DisturbanceLoss(RATE_HZ, NUM_BINS)(given, wanted)) < 0.02


@pytest.mark.parametrize("scale", [0.0, 1e-9, 1.0, 1e4])
def test_gradients_stay_finite_at_any_level(loss, scale, speech):
    power = scale * power_of(speech)
    given = (power * torch.rand(power.shape, generator=torch.Generator().manual_seed(0))).requires_grad_()
    loss(given, power).backward()
    assert given.grad is not None
    assert given.grad.isfinite().all()


def test_rows_do_not_touch_each_other(loss, noisy, speech):
    given, wanted = torch.cat([power_of(samples) for samples in noisy]), power_of(speech).expand(len(noisy), -1, -1)
    apart = [float(loss(row[None], wanted[:1])) for row in given]
    assert float(loss(given, wanted)) == pytest.approx(float(np.mean(apart)), rel=1e-4)


def test_direct_current_is_not_heard(speech):
    loss, power = DisturbanceLoss(RATE_HZ, NUM_BINS), power_of(speech)
    shifted = power.clone()
    shifted[..., 0] += 1.0
    assert float(loss(shifted, power)) == pytest.approx(float(loss(power, power)), abs=1e-3)


def test_pauses_do_not_count_for_intelligibility(speech):
    loss, power = IntelligibilityLoss(RATE_HZ, NUM_BINS), power_of(speech)
    softest = 1e-6 * power.mean() * torch.rand(1, 200, NUM_BINS, generator=torch.Generator().manual_seed(0))
    padded, given = torch.cat([power, softest], dim=1), torch.cat([power, softest.flip(1)], dim=1)
    assert float(loss(given, padded)) < 0.05


def test_a_filter_that_never_changes_is_mostly_forgiven(speech):
    """P.862, section 10.2.8."""
    loss, power = DisturbanceLoss(RATE_HZ, NUM_BINS), power_of(speech)
    tilt = 10 ** torch.linspace(-1.0, 1.0, NUM_BINS)
    sometimes = power.clone()
    sometimes[:, ::2] *= tilt
    for slope in (tilt, tilt.flip(0)):
        assert float(loss(power * slope, power)) < 0.3 * float(loss(sometimes, power))


def test_what_is_only_missing_adds_nothing(speech):
    loss, power = DisturbanceLoss(RATE_HZ, NUM_BINS), power_of(speech)
    softer = power.clone()
    softer[:, ::2, 40:60] /= 30
    symmetric, asymmetric = loss.disturbances(softer, power)
    assert float(asymmetric) < 1e-2 * float(symmetric)
