"""The loss after ViSQOL: what it hears, and in which bands."""

import numpy as np
import pytest
import torch

from vqaudio.training.losses import recorded_spectrum
from vqaudio.training.neurogram import LOWEST_HZ, NUM_BANDS, SimilarityLoss, gammatone_powers

RATE_HZ, HOP, NUM_BINS = 16_000, 160, 321


def powers(audio: torch.Tensor) -> torch.Tensor:
    frames = audio.shape[-1] // HOP - 3
    return torch.exp(2 * recorded_spectrum(audio[:, None], num_frames=frames, hop=HOP, delay_frames=0))


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    """`2 n`: noise in syllables, falling with frequency."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 2 * RATE_HZ, generator=generator).cumsum(-1)
    noise = noise - torch.nn.functional.avg_pool1d(noise[:, None], 801, 1, 400)[:, 0]
    syllables = torch.sin(torch.arange(2 * RATE_HZ) * 2 * torch.pi * 4 / RATE_HZ).clamp(min=0)
    return 0.02 * noise * syllables + 1e-3 * torch.randn(2, 2 * RATE_HZ, generator=generator)


@pytest.fixture(scope="module")
def loss() -> SimilarityLoss:
    return SimilarityLoss(RATE_HZ, NUM_BINS)


def test_nothing_is_lost_between_equals_and_more_with_more_noise(loss: SimilarityLoss, speech: torch.Tensor) -> None:
    noise = torch.randn(speech.shape, generator=torch.Generator().manual_seed(1))
    found = [float(loss(powers(speech + level * noise), powers(speech))) for level in (0.0, 1e-3, 1e-2, 1e-1)]
    assert abs(found[0]) < 1e-3
    assert found == sorted(found)
    assert found[1] > found[0] + 0.02


def test_it_is_mutual_and_a_mean_over_the_batch(loss: SimilarityLoss, speech: torch.Tensor) -> None:
    one, other = powers(speech), powers(speech.flip(0))
    both = float(loss(one, other))
    assert both == pytest.approx(float(loss(other, one)), abs=1e-5)
    assert both == pytest.approx(
        np.mean([float(loss(one[at : at + 1], other[at : at + 1])) for at in (0, 1)]), abs=1e-5
    )


def test_soft_bands_count_down_to_90_dB_below_the_loudest(loss: SimilarityLoss) -> None:
    """A tone and a soft one 60 dB below it, which is missing; one 110 dB below is not missed."""
    time_s = torch.arange(RATE_HZ) / RATE_HZ
    loud = 0.9 * torch.sin(2 * torch.pi * 300 * time_s)
    found = []
    for level_db in (-60, -110):
        wave = torch.cos(2 * torch.pi * 3 * time_s) * 10 ** (level_db / 20) * torch.sin(2 * torch.pi * 5_000 * time_s)
        found.append(float(loss(powers(loud[None]), powers((loud + wave)[None]))))
    assert found[0] > 0.02
    assert found[1] < 0.1 * found[0]


def test_its_gradient_is_finite_where_there_is_silence(loss: SimilarityLoss) -> None:
    given = torch.zeros(1, 50, NUM_BINS, requires_grad=True)
    loss(given, powers(torch.zeros(1, 53 * HOP))[:, :50]).backward()
    assert given.grad is not None
    assert given.grad.isfinite().all()


def test_bands_have_their_peaks_at_visqols_centres() -> None:
    hz = np.linspace(0, RATE_HZ / 2, 8_001)
    responses = gammatone_powers(hz, highest_hz=RATE_HZ / 2)
    peaks = hz[responses.argmax(0)]
    assert responses.max() == pytest.approx(1, abs=1e-3)
    assert peaks.min() == pytest.approx(LOWEST_HZ, abs=1)
    gammatone = pytest.importorskip(
        "visqol.gammatone", reason="ViSQOL is not installed: pip install 'vqaudio[metrics]'"
    )
    assert np.allclose(peaks, gammatone.calc_center_freqs(LOWEST_HZ, RATE_HZ / 2, NUM_BANDS), atol=1)
