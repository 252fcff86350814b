"""Frame features for phone-like clusters: spectra, or the latents of an encoder."""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from vqaudio.nn.encoder import Encoder
from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.kmeans import kmeans
from vqaudio.quantizers.search import nearest_codes

NUM_CEPSTRA = 13
CONTEXT_STEPS = 8  # on each side; with features at 100 Hz, 80 ms
SMOOTHING = (0.25, 0.5, 0.25)  # of latents over frames
MAX_CLUSTERED_FRAMES = 120_000
NUM_ITERATIONS = 15
SPREAD_FLOOR = 0.05


class FrameFeatures(Protocol):
    """The features of a frame that are clustered: `size` numbers."""

    size: int
    num_rounds: int

    def __call__(self, features: Tensor, is_real: Tensor) -> Tensor:
        """Compute frame features `b t/stride size` of stem features `b m t`.  is_real: `b t`."""
        ...

    def first_classes(self, frames: Tensor, num_clusters: int) -> Tensor:
        """Compute the classes `n` of frames `n size` for the first discriminants."""
        ...


class SpectralFeatures:
    """Spectral features: normalised cepstra of 17 steps around the last step of every stride.

    The first classes are clusters of the step alone.
    num_rounds: of clusters and discriminants by turns.
    """

    size = NUM_CEPSTRA * (2 * CONTEXT_STEPS + 1)

    def __init__(self, stride: int, num_rounds: int = 4) -> None:
        self.stride, self.num_rounds = stride, num_rounds

    def __call__(self, features: Tensor, is_real: Tensor) -> Tensor:
        """Compute the features; see `FrameFeatures`."""
        cosines = _cosines(features.shape[1]).to(features.device)
        cepstra = torch.einsum("bmt,mc->btc", features.float(), cosines)
        weights = is_real[:, :, None]
        count = weights.sum(dim=1, keepdim=True)
        cepstra = cepstra - (cepstra * weights).sum(dim=1, keepdim=True) / count
        spread = ((cepstra * weights).square().sum(dim=1, keepdim=True) / count).sqrt()
        cepstra = cepstra / (spread + SPREAD_FLOOR)
        around = F.pad(cepstra.transpose(1, 2), (CONTEXT_STEPS, CONTEXT_STEPS), mode="replicate")
        windows = around.unfold(-1, 2 * CONTEXT_STEPS + 1, 1)[:, :, self.stride - 1 :: self.stride]
        return windows.permute(0, 2, 3, 1).flatten(2)

    def first_classes(self, frames: Tensor, num_clusters: int) -> Tensor:
        """Cluster the cepstra of single steps; see `FrameFeatures`."""
        points = frames[:, CONTEXT_STEPS * NUM_CEPSTRA : (CONTEXT_STEPS + 1) * NUM_CEPSTRA].contiguous()
        return nearest_codes(points, cluster_centres(points, num_clusters))


class LatentFeatures:
    """Latent features: latents of an encoder that learned units before, smoothed over three frames.

    The first classes are their codes.  One round: in more, clusters of latents drift to voices.
    """

    num_rounds = 1

    def __init__(self, encoder: Encoder, quantizer: EmaQuantizer) -> None:
        self.encoder, self.quantizer, self.size = encoder, quantizer, quantizer.width

    def __call__(self, features: Tensor, is_real: Tensor) -> Tensor:
        """Compute the features; see `FrameFeatures`."""
        ahead = self.encoder.lookahead_frames * self.encoder.body.stride
        latents = self.encoder.vectors_of(F.pad(features, (0, ahead), mode="replicate")).float()
        kernel = torch.tensor(SMOOTHING).to(latents).expand(self.size, 1, -1)
        around = F.pad(latents, (len(SMOOTHING) // 2,) * 2, mode="replicate")
        return F.conv1d(around, kernel, groups=self.size).transpose(1, 2)

    def first_classes(self, frames: Tensor, num_clusters: int) -> Tensor:
        """Find the nearest codes; see `FrameFeatures`."""
        return self.quantizer.nearest(frames)


def cluster_centres(points: Tensor, num_clusters: int) -> Tensor:
    """Compute k-means centres `v d` of points `n d`, of at most 120,000 of them, drawn by torch's generator."""
    if len(points) > MAX_CLUSTERED_FRAMES:
        points = points[torch.randperm(len(points), device=points.device)[:MAX_CLUSTERED_FRAMES]]
    counts, sums = kmeans(points.contiguous(), num_clusters, NUM_ITERATIONS)
    return sums / counts[:, None]


def _cosines(num_bands: int) -> Tensor:
    """Compute the first 13 cosines of the orthonormal DCT-II, `m c`.  Source: Davis and Mermelstein 1980."""
    band = torch.arange(num_bands) + 0.5
    order = torch.arange(NUM_CEPSTRA)
    scale = torch.where(order == 0, (1 / num_bands) ** 0.5, (2 / num_bands) ** 0.5)
    return torch.cos(torch.pi / num_bands * band[:, None] * order) * scale
