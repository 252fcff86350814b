import pytest
import torch
from torch.testing import assert_close

from vqaudio.training.losses import (
    ComplexStftLoss,
    LogMagnitudeLoss,
    MelLoss,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
    recorded_spectrum,
    reencoding_loss,
)


@pytest.fixture
def audio():
    return torch.randn(2, 1, 8_000, generator=torch.Generator().manual_seed(1)) * 0.1


@pytest.mark.parametrize("make", [lambda: MelLoss(16_000), ComplexStftLoss])
def test_a_distance_is_zero_at_home_and_grows_with_noise(make, audio):
    loss, noise = make(), torch.randn(audio.shape, generator=torch.Generator().manual_seed(2))
    values = [float(loss(audio + level * noise, audio)) for level in (0.0, 0.01, 0.1)]
    assert values[0] < 1e-6
    assert values[0] < values[1] < values[2]


def test_mel_distance_ignores_polarity_and_the_waveform_loss_does_not(audio):
    assert float(MelLoss(16_000)(-audio, audio)) < 1e-5
    assert float(ComplexStftLoss()(-audio, audio)) > 1


@pytest.mark.parametrize("make", [lambda: MelLoss(16_000), ComplexStftLoss])
def test_gradients_stay_finite_in_silence(make):
    silence = torch.zeros(1, 1, 8_000, requires_grad=True)
    make()(silence, torch.zeros(1, 1, 8_000)).backward()
    assert silence.grad is not None
    assert silence.grad.isfinite().all()


def test_the_spectrum_loss_is_zero_for_the_true_magnitudes_and_only_for_the_true_delay(audio):
    window, delay = torch.hann_window(640), 4
    around = torch.nn.functional.pad(audio[:, 0], (delay * 160, 1_120))
    frames = torch.fft.rfft(around.unfold(-1, 640, 160) * window).abs() / 160
    loss = LogMagnitudeLoss(16_000)
    wanted, earlier = (
        recorded_spectrum(audio, num_frames=frames.shape[1], hop=160, delay_frames=delay - less) for less in (0, 1)
    )
    exact, late = loss(torch.log(frames + 1e-12), wanted), loss(torch.log(frames + 1e-12), earlier)
    assert float(exact) < 1e-4
    assert float(late) > 0.05


def test_features_of_decoded_speech_are_to_become_those_of_recorded_speech_and_not_the_reverse():
    real, fake = torch.randn(2, 3, requires_grad=True), torch.randn(2, 3, requires_grad=True)
    feature_matching_loss([[real]], [[fake]]).backward()
    assert real.grad is None
    assert fake.grad is not None
    assert torch.equal(fake.grad.sign(), (fake - real).sign())


def test_least_squares_losses_at_their_known_points():
    one, zero = [torch.ones(2, 3)], [torch.zeros(2, 3)]
    assert float(discriminator_loss(one, zero)) == 0
    assert float(discriminator_loss(zero, one)) == 2
    assert float(adversarial_loss(one)) == 0
    assert float(adversarial_loss(zero)) == 1


def test_feature_matching_does_not_depend_on_the_size_of_features():
    real, fake = [[torch.rand(2, 3, 4) + 1]], [[torch.rand(2, 3, 4) + 1]]
    scaled = [[[100 * f for f in member] for member in side] for side in (real, fake)]
    assert_close(feature_matching_loss(real, fake), feature_matching_loss(*scaled))
    assert float(feature_matching_loss(real, real)) == 0


def test_reencoding_asks_for_the_same_latents_knows_no_unit_and_moves_no_target():
    latents = torch.randn(2, 4, 50, requires_grad=True)
    again = (latents.detach() + 0.5 * torch.randn(2, 4, 50)).requires_grad_()
    loss = reencoding_loss(again, latents)
    assert_close(loss.detach(), torch.tensor(0.25), atol=0.05, rtol=0)
    assert_close(reencoding_loss(100 * again, 100 * latents), loss)
    assert reencoding_loss(latents, latents) == 0
    loss.backward()
    assert again.grad is not None
    assert latents.grad is None
