"""Vectors in files, put on the time grid of the codes."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.probe.given_features import GivenFeatures, find_files, frames_nearest, given_vectors, open_features

GRID = FrameGrid(16_000, 320)


def nearest(rate_hz: float, num_vectors: int, num_frames: int, first_s: float | None = None) -> list[int]:
    first_s = 0.5 / rate_hz if first_s is None else first_s
    return frames_nearest(
        GivenFeatures(Path(), rate_hz, first_s), Path("x.npy"), num_vectors, num_frames, GRID
    ).tolist()


def test_each_frame_has_the_vector_that_is_nearest_in_time() -> None:
    assert nearest(50, 6, 6) == [0, 1, 2, 3, 4, 5]
    assert nearest(50, 6, 6, first_s=0.0125) == [0, 1, 2, 3, 4, 5]  # as HuBERT's stand
    assert nearest(25, 3, 6) == [0, 0, 1, 1, 2, 2]
    assert nearest(100, 12, 6) == [0, 2, 4, 6, 8, 10]  # of two as near the earlier one
    assert nearest(12.5, 2, 8) == [0, 0, 0, 0, 1, 1, 1, 1]
    assert nearest(50, 6, 6, first_s=0.05) == [0, 0, 0, 1, 2, 3]


def test_one_or_two_vectors_fewer_or_more_are_usual_and_others_are_refused() -> None:
    assert nearest(50, 4, 6) == [0, 1, 2, 3, 3, 3]
    assert nearest(50, 8, 6) == [0, 1, 2, 3, 4, 5]
    for num_vectors in (0, 3, 9):
        with pytest.raises(VqaudioError, match="is it of this recording"):
            nearest(50, num_vectors, 6)


def test_files_are_found_by_the_names_of_recordings(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/x.npy", "a/y.flac.npy", "a/y.npy", "z.safetensors"):
        (tmp_path / name).touch()
    found = find_files(tmp_path, ["a/x.flac", "a/y.flac", "a/y.wav", "z"])
    assert [str(path.relative_to(tmp_path)) for path in found.values()] == [
        "a/x.npy", "a/y.flac.npy", "a/y.npy", "z.safetensors",
    ]  # fmt: skip
    with pytest.raises(VqaudioError, match=r"of a/x\.flac and of a/x\.wav"):
        find_files(tmp_path, ["a/x.flac", "a/x.wav"])
    for row_id in ("b.wav", "../x.wav"):
        with pytest.raises(VqaudioError, match="there are no features of"):
            find_files(tmp_path / "a", [row_id])


def test_npy_and_safetensors_are_read_and_nothing_else(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    one, other = (generator.standard_normal((n, 3)).astype(np.float32) for n in (4, 5))
    np.save(tmp_path / "one.npy", one.astype(np.float64))
    save_file({"features": other}, tmp_path / "other.safetensors")
    given = open_features(tmp_path, 50)
    found = given_vectors(given, ["one.wav", "other.wav"], [4, 5], GRID)
    assert np.array_equal(found, np.concatenate([one, other]))
    np.save(tmp_path / "wide.npy", np.zeros((4, 2), np.float32))
    np.save(tmp_path / "whole.npy", np.zeros((4, 3), int))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    for name, sentence in {
        "wide": "2 numbers, others 3",
        "whole": "wanted finite floats",
        "object": "Python objects",
    }.items():
        with pytest.raises(VqaudioError, match=sentence):
            given_vectors(given, ["one.wav", f"{name}.wav"], [4, 4], GRID)


def test_the_rate_is_known_once(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="--feature-rate"):
        open_features(tmp_path)
    with pytest.raises(VqaudioError, match="wanted vectors a second"):
        open_features(tmp_path, 0)
    with pytest.raises(VqaudioError, match="no folder of features"):
        open_features(tmp_path / "none")
    (tmp_path / "features.json").write_text('{"format_version": 1, "sample_rate_hz": 16000, "hop_samples": 320}')
    with pytest.raises(VqaudioError, match="is not what `vqaudio features` writes"):
        open_features(tmp_path)
    (tmp_path / "features.json").write_text(
        '{"format_version": 1, "sample_rate_hz": 16000, "hop_samples": 320, "first_centre_s": 0.0125, "made_by": {}}'
    )
    assert open_features(tmp_path) == open_features(tmp_path, 50.0) == GivenFeatures(tmp_path, 50.0, 0.0125)
    with pytest.raises(VqaudioError, match="says 50 Hz"):
        open_features(tmp_path, 100)
