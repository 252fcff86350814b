"""K-means of vectors: a random share of the frames of many recordings, and means of them by scikit-learn."""

import hashlib
import json
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqaudio.codec.units.centroids import centroids_sha256, write_centroids
from vqaudio.codec.units.naming import CENTROIDS, UnitsFacts, facts_to_json
from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.features.vectors import HIDDEN_STATES, FeatureFacts, Vectors

BATCH_FRAMES = 10_000
NUM_STARTS = 5  # the best of them is gone on with


class FrameSample:
    """A random sample of frames, the same in whatever order their recordings come; several threads may add to it.

    max_frames: at most so many in all; share: of each recording's frames that may be drawn.
    """

    def __init__(self, max_frames: int, share: float = 1.0, seed: int = 0) -> None:
        if not 0 < share <= 1 or max_frames < 1:
            raise VqaudioError(f"--share is {share} and --max-frames {max_frames}; wanted above 0 to 1, and 1 or more")
        self.max_frames, self.share, self.seed = max_frames, share, seed
        self.num_seen = 0
        self._parts: list[tuple[NDArray[np.float64], Vectors]] = []
        self._lock = threading.Lock()

    def add(self, name: str, vectors: Vectors) -> None:
        """Draw from the vectors `t d` of one recording.  Raises VqaudioError for NaN, infinity or another width."""
        if not np.isfinite(vectors).all():
            raise VqaudioError("has vectors with NaN or infinity")
        number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        keys = np.random.default_rng([self.seed, number]).random(len(vectors))
        is_drawn = keys < self.share
        with self._lock:
            if self._parts and self._parts[0][1].shape[1] != vectors.shape[1]:
                raise VqaudioError(
                    f"has vectors of {vectors.shape[1]} numbers, others have {self._parts[0][1].shape[1]}"
                )
            self.num_seen += len(vectors)
            self._parts.append((keys[is_drawn], vectors[is_drawn]))
            if sum(len(part[0]) for part in self._parts) > 2 * self.max_frames:
                self._parts = [self._smallest()]

    def frames(self) -> Vectors:
        """Return the sample `n d`.  Raises VqaudioError if no frame was seen."""
        with self._lock:
            if not self._parts:
                raise VqaudioError("there is no frame to fit means to")
            return self._smallest()[1]

    def _smallest(self) -> tuple[NDArray[np.float64], Vectors]:
        """Keep the frames with the smallest keys, in their order: which these are depends on no order of adding."""
        keys = np.concatenate([part[0] for part in self._parts])
        order = np.argsort(keys, kind="stable")[: self.max_frames]
        return keys[order], np.concatenate([part[1] for part in self._parts])[order]


def fit_means(frames: Vectors, num_means: int, seed: int = 0) -> Vectors:
    """Fit means `v d` to frames `n d` by mini-batch k-means from k-means++, as HuBERT's units were made.

    Raises VqaudioError if there are fewer frames than means.
    """
    from sklearn.cluster import MiniBatchKMeans

    if len(frames) < num_means:
        raise VqaudioError(
            f"{len(frames):,} frames are too few for {num_means:,} means; more recordings, or a smaller -k"
        )
    model = MiniBatchKMeans(
        num_means,
        init="k-means++",
        batch_size=BATCH_FRAMES,
        max_iter=100,
        n_init=NUM_STARTS,  # pyright: ignore[reportArgumentType] - its stubs know only "auto"
        max_no_improvement=100,
        reassignment_ratio=0.0,
        random_state=seed,
    )
    return np.ascontiguousarray(model.fit(frames).cluster_centers_, dtype=np.float32)


def write_means(folder: Path, means: Vectors, facts: FeatureFacts | None) -> bool:
    """Write means `v d` and, where facts say which model and layer they are of, the config.json that makes a codec.

    Returns whether it is one.
    """
    make_folder(folder)
    (folder / "config.json").unlink(missing_ok=True)  # of means that were there: it would not fit the new ones
    write_centroids(folder / CENTROIDS, means)
    if facts is None or facts.made_by.get("kind") != HIDDEN_STATES:
        return False
    made_by = facts.made_by
    units = UnitsFacts(
        model=made_by["model"],
        model_sha256=made_by["model_sha256"],
        layer=made_by["layer"],
        centroids_sha256=centroids_sha256(means),
        num_units=len(means),
        width=means.shape[1],
        sample_rate_hz=facts.sample_rate_hz,
        hop_samples=facts.hop_samples,
    )
    text = json.dumps(facts_to_json(units), indent=2) + "\n"
    replace_durably(folder / "config.json", lambda path: path.write_text(text, encoding="utf-8"))
    return True
