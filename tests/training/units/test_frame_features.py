"""Features of frames: windows of normalised cepstra, and how many frames are clustered."""

import pytest
import torch

from vqaudio.training.units import frame_features
from vqaudio.training.units.frame_features import CONTEXT_STEPS, NUM_CEPSTRA, SpectralFeatures, cluster_centres


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 40, 60, generator=torch.Generator().manual_seed(0))


def all_real(features: torch.Tensor) -> torch.Tensor:
    return torch.ones(len(features), features.shape[-1], dtype=torch.bool)


def test_a_frame_is_the_window_around_the_last_step_of_its_stride(features: torch.Tensor) -> None:
    every = SpectralFeatures(1)(features, all_real(features))
    assert every.shape == (2, 60, SpectralFeatures.size)
    torch.testing.assert_close(SpectralFeatures(2)(features, all_real(features)), every[:, 1::2])
    windows = every.view(2, 60, 2 * CONTEXT_STEPS + 1, NUM_CEPSTRA)
    torch.testing.assert_close(windows[:, 20, CONTEXT_STEPS + 3], windows[:, 23, CONTEXT_STEPS])
    torch.testing.assert_close(windows[:, 0, 0], windows[:, 0, CONTEXT_STEPS])  # the edge is repeated
    torch.testing.assert_close(windows[:, 59, -1], windows[:, 59, CONTEXT_STEPS])


def test_neither_a_channel_nor_its_strength_is_left(features: torch.Tensor) -> None:
    views = SpectralFeatures(1)
    wanted = views(features, all_real(features))
    channel = torch.randn(2, 40, 1, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(views(features + 3 * channel, all_real(features)), wanted, rtol=0, atol=1e-4)
    cepstra = wanted.view(2, 60, -1, NUM_CEPSTRA)[:, :, CONTEXT_STEPS]
    torch.testing.assert_close(cepstra.mean(dim=1), torch.zeros(2, NUM_CEPSTRA), rtol=0, atol=1e-5)
    spread = cepstra.square().mean(dim=1).sqrt()
    assert 0.9 < float(spread.min()) <= float(spread.max()) < 1.0


def test_padding_changes_no_frame(features: torch.Tensor) -> None:
    views, is_real = SpectralFeatures(1), torch.arange(90)[None].expand(2, 90) < 60
    padded = torch.cat([features, torch.full((2, 40, 30), 9.0)], dim=2)
    found, wanted = views(padded, is_real), views(features, all_real(features))
    torch.testing.assert_close(found[:, : 60 - CONTEXT_STEPS], wanted[:, : 60 - CONTEXT_STEPS], rtol=0, atol=1e-4)


def test_cosines_are_orthonormal() -> None:
    cosines = frame_features._cosines(40)
    torch.testing.assert_close(cosines.T @ cosines, torch.eye(NUM_CEPSTRA), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("num_points", "num_clustered"), [(49, 49), (50, 50), (51, 50), (200, 50)])
def test_no_more_frames_are_clustered_than_there_is_room_for_and_they_are_drawn(
    num_points: int, num_clustered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    clustered: list[torch.Tensor] = []
    kmeans = frame_features.kmeans
    monkeypatch.setattr(frame_features, "MAX_CLUSTERED_FRAMES", 50)
    monkeypatch.setattr(frame_features, "kmeans", lambda points, *how: clustered.append(points) or kmeans(points, *how))
    points = torch.arange(float(num_points))[:, None]
    torch.manual_seed(0)
    centres = cluster_centres(points, 2)
    assert len(clustered[0]) == len(clustered[0].unique()) == num_clustered
    assert float(clustered[0].max()) >= 50 or num_points <= 50
    assert (centres >= 0).all()
    assert (centres < num_points).all()
