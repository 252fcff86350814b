"""Vectors that stand in files beside a store, put on the time grid of its codes."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.features.folder import RECORD, read_facts, read_vectors
from vqaudio.jobs.features.vectors import Vectors
from vqaudio.jobs.naming import is_safe

SUFFIXES = (".npy", ".safetensors")
MAX_FRAMES_OFF = 2  # at a recording's end: convolutions without padding give one or two frames fewer


@dataclass(frozen=True)
class GivenFeatures:
    """A folder of features.  first_centre_s: middle of what the first vector is of."""

    folder: Path
    frame_rate_hz: float
    first_centre_s: float


def open_features(folder: Path, frame_rate_hz: float | None = None) -> GivenFeatures:
    """Open a folder of features: their place in time is from features.json, or by their rate.

    With a rate alone, vector t is of the time from t to t + 1 over the rate.
    Raises VqaudioError if it is not known, or said twice.
    """
    if not folder.is_dir():
        raise VqaudioError(f"{folder} is no folder of features; `vqaudio features` writes one")
    facts = read_facts(folder)
    if facts is not None:
        if frame_rate_hz is not None and frame_rate_hz != facts.frame_rate_hz:
            raise VqaudioError(f"{folder / RECORD} says {facts.frame_rate_hz:g} Hz, --feature-rate {frame_rate_hz:g}")
        return GivenFeatures(folder, facts.frame_rate_hz, facts.first_centre_s)
    if frame_rate_hz is None:
        raise VqaudioError(f"{folder} has no {RECORD}; say with --feature-rate how many vectors there are a second")
    if not 0 < frame_rate_hz < 1e6:
        raise VqaudioError(f"--feature-rate is {frame_rate_hz}; wanted vectors a second")
    return GivenFeatures(folder, frame_rate_hz, 0.5 / frame_rate_hz)


def given_vectors(given: GivenFeatures, ids: Sequence[str], lengths: Sequence[int], grid: FrameGrid) -> Vectors:
    """Read the vectors `n d` of all frames of recordings: for each frame of codes the vector nearest in time.

    lengths: frames of each.  Raises VqaudioError if a file is missing, or of another width or length.
    """
    paths = find_files(given.folder, ids)
    parts: list[Vectors] = []
    for row_id, length in zip(ids, lengths, strict=True):
        found = read_vectors(paths[row_id])
        if parts and found.shape[1] != parts[0].shape[1]:
            raise VqaudioError(f"{paths[row_id]} has vectors of {found.shape[1]} numbers, others {parts[0].shape[1]}")
        parts.append(found[frames_nearest(given, paths[row_id], len(found), length, grid)])
    return np.concatenate(parts)


def frames_nearest(
    given: GivenFeatures, path: Path, num_vectors: int, num_frames: int, grid: FrameGrid
) -> NDArray[np.int64]:
    """Find the vector whose middle is nearest to that of each frame of codes, of two the earlier one: `t`.

    Raises VqaudioError if they are not of one length, beyond two frames at the end.
    """
    seconds, codes_s = num_vectors / given.frame_rate_hz, num_frames / grid.frame_rate_hz
    tolerance_s = (MAX_FRAMES_OFF + 0.01) / min(given.frame_rate_hz, grid.frame_rate_hz)
    if num_vectors < 1 or abs(seconds - codes_s) > tolerance_s:
        raise VqaudioError(
            f"{path} has {num_vectors} vectors at {given.frame_rate_hz:g} Hz, {seconds:.2f} s; its codes are "
            f"{num_frames} at {grid.frame_rate_hz:g} Hz, {codes_s:.2f} s: is it of this recording, and at that rate?"
        )
    centres_s = (np.arange(num_frames) + 0.5) / grid.frame_rate_hz
    places = np.round((centres_s - given.first_centre_s) * given.frame_rate_hz, 6)  # so that ties are ties
    return np.clip(np.ceil(places - 0.5), 0, num_vectors - 1).astype(np.int64)


def find_files(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    """Find the file of each id: `a/b.flac` has `a/b.flac.npy`, or `a/b.npy`, or the like with .safetensors.

    Raises VqaudioError if one has none, or two would have the same.
    """
    found, owners = dict[str, Path](), dict[Path, str]()
    for row_id in ids:
        stems = [row_id, str(PurePosixPath(row_id).with_suffix(""))] if is_safe(row_id) else []
        paths = [folder / f"{stem}{suffix}" for stem in stems for suffix in SUFFIXES]
        path = next((path for path in paths if os.path.isfile(path)), None)
        if path is None:
            raise VqaudioError(
                f"there are no features of {row_id} in {folder}; wanted {PurePosixPath(row_id).stem}.npy"
            )
        if path in owners:
            raise VqaudioError(
                f"{path} would be of {owners[path]} and of {row_id}; name it {row_id}.npy, with the suffix"
            )
        found[row_id], owners[path] = path, row_id
    return found
