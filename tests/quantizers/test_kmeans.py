"""Lloyd's algorithm on known clusters."""

import torch
from torch.testing import assert_close

from vqaudio.quantizers.kmeans import kmeans


def test_more_iterations_lower_the_error():
    frames = torch.randn(1000, 4)
    errors = []
    for num_iterations in (1, 3, 10):
        torch.manual_seed(1)
        counts, sums = kmeans(frames, 32, num_iterations)
        errors.append(float(torch.cdist(frames, sums / counts.unsqueeze(1)).amin(dim=1).square().mean()))
    assert errors == sorted(errors, reverse=True)


def test_counts_and_sums_are_those_of_the_frames():
    frames = torch.randn(1000, 4)
    counts, sums = kmeans(frames, 8, 5)
    assert counts.sum() == 1000
    assert_close(sums.sum(dim=0), frames.sum(dim=0), atol=1e-3, rtol=1e-4)


def test_lost_clusters_get_a_frame_and_the_mean_count():
    frames = torch.ones(100, 2)
    counts, sums = kmeans(frames, 4, 3)
    assert_close(sums / counts.unsqueeze(1), torch.ones(4, 2))
    assert (counts >= 25).all()
