"""The sample that means are fitted to, and means of known clusters."""

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.features.means import FrameSample, fit_means


def parts(num_recordings: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {f"u{n}": generator.standard_normal((20 + n, 3)).astype(np.float32) for n in range(num_recordings)}


def sample(names: list[str], **options) -> np.ndarray:
    drawn, found = FrameSample(**options), parts(30)
    for name in names:
        drawn.add(name, found[name])
    return drawn.frames()


def test_a_sample_does_not_depend_on_the_order_of_the_recordings() -> None:
    names = list(parts(30))
    for options in ({"max_frames": 50}, {"max_frames": 10_000, "share": 0.3}, {"max_frames": 100, "share": 0.5}):
        assert np.array_equal(sample(names, **options), sample(names[::-1], **options))
    assert len(sample(names, max_frames=50)) == 50
    assert not np.array_equal(sample(names, max_frames=50), sample(names, max_frames=50, seed=1))


def test_a_sample_draws_its_share_of_every_recording_and_no_frame_twice() -> None:
    every = np.concatenate(list(parts(30).values()))
    drawn = sample(list(parts(30)), max_frames=10_000, share=0.3)
    assert 0.2 < len(drawn) / len(every) < 0.4
    assert len(np.unique(drawn, axis=0)) == len(drawn)
    assert {row.tobytes() for row in drawn} <= {row.tobytes() for row in every}
    whole = sample(list(parts(30)), max_frames=10_000)
    assert sorted(map(bytes, whole)) == sorted(map(bytes, every))


def test_means_of_clusters_far_apart_are_their_middles() -> None:
    generator = np.random.default_rng(0)
    middles = 10 * generator.standard_normal((6, 4)).astype(np.float32)
    frames = (middles[generator.integers(0, 6, 3_000)] + 0.01 * generator.standard_normal((3_000, 4))).astype("f4")
    means = fit_means(frames, 6, seed=3)
    assert means.dtype == np.float32
    nearest = np.linalg.norm(means[:, None] - middles, axis=2)
    assert sorted(nearest.argmin(axis=1)) == list(range(6))
    assert nearest.min(axis=1).max() < 0.01
    assert np.array_equal(means, fit_means(frames, 6, seed=3))


def test_what_no_means_can_be_fitted_to_is_told() -> None:
    with pytest.raises(VqaudioError, match="too few for 5 means"):
        fit_means(np.zeros((4, 2), np.float32), 5)
    drawn = FrameSample(10)
    with pytest.raises(VqaudioError, match="no frame"):
        drawn.frames()
    with pytest.raises(VqaudioError, match="NaN"):
        drawn.add("a", np.full((2, 2), np.nan, np.float32))
    drawn.add("a", np.zeros((2, 2), np.float32))
    with pytest.raises(VqaudioError, match="3 numbers, others have 2"):
        drawn.add("b", np.zeros((2, 3), np.float32))
    with pytest.raises(VqaudioError, match="--share"):
        FrameSample(10, share=1.5)
