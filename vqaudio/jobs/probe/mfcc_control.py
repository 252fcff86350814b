"""The control of a probe: k-means on MFCC at the codec's own frame rate and number of codes.

Features as HuBERT's first labels (Hsu et al. 2021, arXiv:2106.07447): 13 MFCC of 25 ms windows with their first and
second differences, not normalised.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.probes.frames import LabelledFrames

NUM_COEFFICIENTS = 13
WINDOW_S = 0.025
DELTA_FRAMES = 9
MAX_FITTED_FRAMES = 100_000
NUM_ITERATIONS = 20


def mfcc_vectors(samples: NDArray[np.floating], grid: FrameGrid) -> NDArray[np.float32]:
    """Compute MFCC vectors `t 39` of samples `n`: frame t is the window around the centre of the codec's frame t."""
    import librosa

    num_frames = grid.num_frames(len(samples))
    window = round(WINDOW_S * grid.sample_rate_hz)
    num_bins = 1 << (window - 1).bit_length()
    # librosa centres frame t at t * hop: half a hop is cut off in front, and zeros stand for what lies beyond the end.
    shifted = np.pad(samples, (0, num_frames * grid.hop_samples + num_bins - len(samples)))[grid.hop_samples // 2 :]
    plain = librosa.feature.mfcc(
        y=shifted.astype(np.float32),
        sr=grid.sample_rate_hz,
        n_mfcc=NUM_COEFFICIENTS,
        n_fft=num_bins,
        win_length=window,
        hop_length=grid.hop_samples,
        n_mels=40,
    )[:, :num_frames]
    width = min(DELTA_FRAMES, num_frames - 1 + num_frames % 2)  # odd, no more than there are frames
    if width < 3:
        return np.concatenate([plain, np.zeros((2 * NUM_COEFFICIENTS, num_frames))]).T.astype(np.float32)
    slopes = [librosa.feature.delta(plain, width=width, order=order, mode="nearest") for order in (1, 2)]
    return np.concatenate([plain, *slopes]).T.astype(np.float32)


def mfcc_of(ids: Sequence[str], audio: Path, grid: FrameGrid) -> Iterable[NDArray[np.float32]]:
    """Compute MFCC vectors `t 39` of each id's recording below a folder.  Raises VqaudioError if one is missing."""
    for row_id in ids:
        path = audio / row_id
        if not path.is_file():
            raise VqaudioError(f"there is no {path}: --audio must be the folder that the codes were made from")
        yield mfcc_vectors(read_audio(path, grid.sample_rate_hz), grid)


@dataclass(frozen=True, eq=False)
class MfccCodes:
    """A k-means codebook of MFCC vectors.  means: `v 39`."""

    means: NDArray[np.float32]

    @classmethod
    def fit(cls, vectors: NDArray[np.float32], num_codes: int, seed: int = 0) -> "MfccCodes":
        """Fit k-means to vectors `n 39`, to at most 100,000 of them.  Raises VqaudioError for no vectors."""
        import torch

        from vqaudio.quantizers.kmeans import kmeans

        if not len(vectors):
            raise VqaudioError("k-means on MFCC has no frame to be fitted on")
        if len(vectors) > MAX_FITTED_FRAMES:
            chosen = np.random.default_rng(seed).choice(len(vectors), MAX_FITTED_FRAMES, replace=False)
            vectors = vectors[chosen]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            counts, sums = kmeans(torch.from_numpy(vectors), num_codes, NUM_ITERATIONS)
        return cls((sums / counts.unsqueeze(1)).numpy())

    def nearest(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Find the nearest mean of each of vectors `n 39`: `n`."""
        import torch

        from vqaudio.quantizers.search import nearest_codes

        return nearest_codes(torch.from_numpy(vectors), torch.from_numpy(self.means)).numpy()

    def encode(self, samples: NDArray[np.floating], grid: FrameGrid) -> NDArray[np.int64]:
        """Encode a recording `n` to codes `t`."""
        return self.nearest(mfcc_vectors(samples, grid))


def mfcc_control(
    frames: LabelledFrames, audio: Path, grid: FrameGrid, is_fitted: NDArray[np.bool_], seed: int = 0
) -> tuple[LabelledFrames, MfccCodes]:
    """Make the same frames with k-means codes of their MFCC, and the means.

    is_fitted: `u`, utterances that the means may be fitted on.
    Raises VqaudioError if a recording is missing or of another length than its codes.
    """
    parts = []
    lengths = np.diff(frames.starts)
    for row_id, vectors, length in zip(frames.ids, mfcc_of(frames.ids, audio, grid), lengths, strict=True):
        if len(vectors) != length:
            raise VqaudioError(f"{audio / row_id} has {len(vectors)} frames, its codes have {length}")
        parts.append(vectors)
    vectors = np.concatenate(parts)
    means = MfccCodes.fit(vectors[is_fitted[frames.utterance_of_frame]], frames.num_codes, seed)
    return frames.with_codes(means.nearest(vectors)), means
