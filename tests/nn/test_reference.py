import pytest
import torch
from torch.testing import assert_close

from vqaudio.nn.reference import ReferenceEncoder
from vqaudio.nn.stem import SPREAD, SpectralStem


@pytest.fixture
def encoder():
    stem = SpectralStem(16_000, window_samples=640, hop=320, num_bands=20)
    return ReferenceEncoder(stem, num_bands=20, hidden=16, embedding_width=6).eval()


def hiss(num_samples, *, slope):
    """Noise whose spectrum falls more or less: two voices that say nothing.  `1 1 n`."""
    shape = torch.linspace(1, 0.1, num_samples // 2 + 1) ** slope
    return torch.fft.irfft(torch.fft.rfft(torch.randn(1, 1, num_samples)) * shape, n=num_samples) * 0.1


def test_two_stretches_of_one_voice_are_nearer_than_two_voices(encoder):
    one, again, other = hiss(16_000, slope=0), hiss(24_000, slope=0), hiss(16_000, slope=2)
    voice, same, different = (encoder(audio) for audio in (one, again, other))
    assert (voice - same).norm() < 0.2 * (voice - different).norm()


def test_the_level_is_heard(encoder):
    audio = hiss(16_000, slope=1)
    assert (encoder(audio) - encoder(audio / 4)).norm() > 10 * (encoder(audio) - encoder(hiss(16_000, slope=1))).norm()


def test_the_order_of_frames_says_nothing(encoder):
    features = torch.randn(2, 20, 50)
    assert_close(encoder.pool_statistics(features), encoder.pool_statistics(features.flip(-1)))


def test_pauses_say_nothing(encoder):
    features = torch.randn(1, 20, 50) * 0.1
    with_pause = torch.cat([features, features - 5.0], dim=-1)
    assert_close(encoder.pool_statistics(with_pause), encoder.pool_statistics(features))
    softer = torch.cat([features, features - 1.0], dim=-1)
    assert not torch.allclose(encoder.pool_statistics(softer), encoder.pool_statistics(features))


@pytest.mark.parametrize(("below_db", "is_heard"), [(28.0, True), (32.0, False)])
def test_a_pause_is_thirty_decibels_below_the_loudest(encoder, below_db, is_heard):
    """Features are log10 amplitudes over SPREAD."""
    features = torch.randn(1, 20, 1).expand(-1, -1, 50)
    softer = torch.cat([features, features - below_db / 20 / SPREAD], dim=-1)
    difference = (encoder.pool_statistics(softer) - encoder.pool_statistics(features)).norm()
    assert (difference > 0.1) == is_heard


def test_one_batch_moves_what_is_typical_by_a_hundredth(encoder):
    with torch.no_grad():
        heard = encoder.train()(torch.cat([hiss(6_400, slope=0), hiss(6_400, slope=2)])).mean(dim=0)
    assert_close(encoder.typical, 0.01 * heard)


def test_padding_says_nothing(encoder):
    audio = hiss(9_605, slope=1)
    padded = torch.cat([torch.nn.functional.pad(audio, (0, 6_395), value=0.5), hiss(16_000, slope=0)])
    together = encoder(padded, torch.tensor([9_605, 16_000]))
    assert_close(together[:1], encoder(audio), atol=1e-4, rtol=1e-4)


def test_silence_has_a_finite_embedding_and_gradient(encoder):
    encoder.train()(torch.zeros(2, 1, 640)).sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in encoder.parameters())


def test_what_is_typical_approaches_the_mean_of_what_was_heard(encoder):
    encoder.train()
    audio = torch.cat([hiss(6_400, slope=0), hiss(6_400, slope=2)])
    with torch.no_grad():
        for _ in range(600):
            wanted = encoder(audio).mean(dim=0)
    assert_close(encoder.typical, wanted, atol=1e-2, rtol=1e-2)
    before = encoder.typical.clone()
    encoder.eval()(hiss(6_400, slope=0))
    assert torch.equal(encoder.typical, before)
