import pytest
import torch
from torch.testing import assert_close

from vqaudio.training import losses
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


def test_ten_times_the_sound_is_one_further_in_every_mel_scale(audio):
    assert float(MelLoss(16_000)(10 * audio, audio)) == pytest.approx(1, abs=0.02)


def test_the_waveform_loss_knows_no_unit(audio):
    other = torch.randn(audio.shape, generator=torch.Generator().manual_seed(3)) * 0.1
    assert_close(ComplexStftLoss()(100 * other, 100 * audio), ComplexStftLoss()(other, audio))


def test_a_spectrum_that_is_a_decade_too_loud_costs_its_distance_and_its_square():
    """In bins, which have a weight of 0.3, and in the mean of the mel banks."""
    wanted = torch.zeros(1, 5, 321)
    given = wanted + torch.log(torch.tensor(10.0))
    assert float(LogMagnitudeLoss(16_000)(given, wanted)) == pytest.approx((1 + 1) * (0.3 + 1), rel=0.01)
    half = wanted + 0.5 * torch.log(torch.tensor(10.0))
    assert float(LogMagnitudeLoss(16_000)(half, wanted)) == pytest.approx((0.5 + 0.25) * 1.3, rel=0.01)
    assert float(LogMagnitudeLoss(16_000, bin_weight=0.0)(half, wanted)) == pytest.approx(0.75, rel=0.01)


def test_what_is_softer_than_the_floor_counts_as_far_as_its_share_says():
    soft, softer = torch.full((1, 5, 321), -10.0), torch.full((1, 5, 321), -12.0)
    without, with_it = (float(LogMagnitudeLoss(16_000, soft_share=share)(softer, soft)) for share in (0.0, 0.5))
    assert with_it > 2 * without


def test_a_sinusoid_of_amplitude_one_has_the_log_magnitude_zero():
    tone = torch.sin(2 * torch.pi * 1_000 * torch.arange(8_000) / 16_000)[None, None]
    found = recorded_spectrum(tone, num_frames=40, hop=160, delay_frames=0)
    assert found[0, 5:-5].argmax(dim=-1).unique().tolist() == [40]
    assert_close(found[0, 5:-5, 40], torch.zeros(30), atol=1e-2, rtol=0)
    assert float(recorded_spectrum(0 * tone, num_frames=40, hop=160, delay_frames=0).max()) < -18


def test_features_that_are_nothing_have_a_finite_loss():
    nothing = [[torch.zeros(2, 3)]]
    assert float(feature_matching_loss(nothing, nothing)) == 0
    assert feature_matching_loss(nothing, [[torch.ones(2, 3)]]).isfinite()


def test_reencoding_is_measured_by_how_each_channel_varies_about_its_own_mean():
    latents, means = torch.randn(2, 4, 50), 100 * torch.arange(4.0)[None, :, None]
    again = latents + 0.5
    assert_close(reencoding_loss(again + means, latents + means), reencoding_loss(again, latents), rtol=1e-3, atol=0)
    assert reencoding_loss(torch.ones(1, 2, 3), torch.ones(1, 2, 3)) == 0


@pytest.mark.parametrize(
    "loss",
    [
        lambda given, wanted: ComplexStftLoss()(given, wanted),
        lambda given, wanted: feature_matching_loss([[wanted, 3 * wanted]], [[given, given]]),
        reencoding_loss,
    ],
    ids=["waveform", "features", "reencoding"],
)
def test_processes_that_share_a_batch_find_its_loss_between_them(loss, audio, monkeypatch):
    """What a loss is divided by is the mean of the whole batch."""
    wanted = audio * torch.tensor([1.0, 5.0])[:, None, None] + torch.tensor([0.0, 0.3])[:, None, None]
    given = wanted + 0.01 * torch.randn(wanted.shape, generator=torch.Generator().manual_seed(3))
    whole = float(loss(given, wanted))
    means: list[torch.Tensor] = []
    for _ in range(3):  # the mean of one call may follow from that of the one before
        asked: list[list[torch.Tensor]] = []
        shares = []
        for row in (0, 1):
            asked.append([])

            def mean_of_all(value, here=asked[-1], known=tuple(means)):
                here.append(value.detach())
                return known[len(here) - 1] if known else value.detach()

            monkeypatch.setattr(losses, "mean_over_processes", mean_of_all)
            shares.append(float(loss(given[row : row + 1], wanted[row : row + 1])))
        means = [(one + other) / 2 for one, other in zip(*asked, strict=True)]
    assert sum(shares) / 2 == pytest.approx(whole, rel=1e-4)
