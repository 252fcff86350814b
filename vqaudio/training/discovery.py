"""Phone-like clusters without labels: what an encoder of units learns to hear first.

k-means on spectra finds voices and channels as much as phones.  Neighbouring frames tell more than one frame, and the
directions in which clusters differ tell more than those in which all speech varies.  So cluster, look for these
directions in wide windows by linear discriminant analysis with the clusters as classes, cluster along them, and again;
then bring every voice to the vocal tract length that fits the clusters best, and again.
Sources: discriminants without labels, Heck et al. 2016 (10.1016/j.procs.2016.04.031); vocal tract lengths, Lee and
Rose 1996 (10.1109/ICASSP.1996.541105); clusters as the classes of a network, HuBERT, arXiv:2106.07447.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.quantizers.kmeans import kmeans
from vqaudio.quantizers.search import nearest_codes
from vqaudio.training.corruption import warped

NUM_CEPSTRA = 13
CONTEXT_STEPS = 8  # on each side; with features at 100 Hz, 80 ms
MAX_CLUSTERED_FRAMES = 120_000
NUM_ITERATIONS = 15
SPREAD_FLOOR = 0.05
WARPS = (0.88, 0.92, 0.96, 1.0, 1.04, 1.08, 1.12)  # of the mel bands, for another vocal tract length
WARP_EVERY = 3  # of the frames decide about the warp
RIDGE = 1e-3  # of the mean variance: keeps directions in which nothing varies out


class SpectralClusters(nn.Module):
    """Log mel features -> a cluster for every frame: normalised cepstra in their context, a projection, nearest centre.

    mean: `d`, projection: `d p`, centres: `v p`, with d = 13 cepstra times 17 steps.
    """

    mean: Tensor
    projection: Tensor
    centres: Tensor

    def __init__(self, num_clusters: int, *, width: int = 30, stride: int = 2) -> None:
        super().__init__()
        size = NUM_CEPSTRA * (2 * CONTEXT_STEPS + 1)
        self.stride = stride
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("projection", torch.eye(size)[:, :width].contiguous())
        self.register_buffer("centres", torch.zeros(num_clusters, width))

    @torch.no_grad()
    def fit(
        self, features: Sequence[Tensor], *, num_rounds: int = 4, num_warped_rounds: int = 2, seed: int = 0
    ) -> None:
        """features: `m t` of each utterance.  Raises VqaudioError for fewer frames than clusters.

        The first clusters are those of the normalised cepstra of single frames; every round finds the projection for
        the clusters of the round before.  After num_rounds each utterance gets its warp, and num_warped_rounds follow.
        Draws come from the seed alone.
        """
        parts = [self._contexts(one[None], None)[0] for one in features]
        seen = torch.cat(parts)
        if len(seen) < len(self.centres):
            raise VqaudioError(f"{len(seen)} frames cannot make {len(self.centres)} clusters; give more speech")
        middle = slice(CONTEXT_STEPS * NUM_CEPSTRA, (CONTEXT_STEPS + 1) * NUM_CEPSTRA)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            points = seen[:, middle].contiguous()
            codes = nearest_codes(points, cluster_centres(points, len(self.centres)))
            codes = self._improve(seen, codes, num_rounds)
            if num_warped_rounds:
                seen = torch.cat([self._contexts(one[None], self._warps(one[None], None))[0] for one in features])
                self._improve(seen, codes, num_warped_rounds)

    def _improve(self, seen: Tensor, codes: Tensor, num_rounds: int) -> Tensor:
        """seen: `n d`, codes: `n`, clusters of these frames.  Returns better ones."""
        for _ in range(num_rounds):
            mean, projection = discriminants(seen, codes, len(self.centres), self.projection.shape[1])
            points = (seen - mean) @ projection
            centres = cluster_centres(points, len(self.centres))
            codes = nearest_codes(points, centres)
            self.mean.copy_(mean)
            self.projection.copy_(projection)
            self.centres.copy_(centres)
        return codes

    @torch.no_grad()
    def forward(self, features: Tensor, num_steps: Tensor | None = None) -> Tensor:
        """features: `b m t`, of several seconds, as each is normalised by itself.

        num_steps: `b` steps that are real, all if None.  Returns clusters `b t/stride`.
        """
        points = self._points(features, num_steps, self._warps(features, num_steps))
        return nearest_codes(points.flatten(0, 1).contiguous(), self.centres).view(points.shape[:2])

    def _warps(self, features: Tensor, num_steps: Tensor | None) -> Tensor:
        """The warp `b` with which features `b m t` come nearest to the centres.

        Source: vocal tract length normalisation by a grid search, Lee and Rose 1996 (10.1109/ICASSP.1996.541105).
        """
        distances = []
        is_real = _is_real(features, num_steps)[:, self.stride - 1 :: self.stride * WARP_EVERY]
        for warp in WARPS:
            factors = torch.full((len(features),), warp, device=features.device)
            points = self._points(features, num_steps, factors, every=WARP_EVERY)
            flat = points.flatten(0, 1).contiguous()
            errors = (flat - self.centres[nearest_codes(flat, self.centres)]).square().sum(dim=1)
            distances.append((errors.view(points.shape[:2]) * is_real).sum(dim=1))
        return torch.tensor(WARPS, device=features.device)[torch.stack(distances).argmin(dim=0)]

    def _points(self, features: Tensor, num_steps: Tensor | None, warps: Tensor, every: int = 1) -> Tensor:
        return (self._contexts(features, warps, num_steps, every) - self.mean) @ self.projection

    def _contexts(
        self, features: Tensor, warps: Tensor | None, num_steps: Tensor | None = None, every: int = 1
    ) -> Tensor:
        """features: `b m t`.  Returns the normalised cepstra around the last step of every stride, `b t/stride d`.

        every: of so many frames, only the first is wanted.
        """
        if warps is not None:
            features = warped(features, warps)
        cepstra = torch.einsum("bmt,mc->btc", features.float(), _cosines(features.shape[1]).to(features.device))
        is_real = _is_real(features, num_steps)[:, :, None]
        count = is_real.sum(dim=1, keepdim=True)
        cepstra = cepstra - (cepstra * is_real).sum(dim=1, keepdim=True) / count
        spread = ((cepstra * is_real).square().sum(dim=1, keepdim=True) / count).sqrt()
        cepstra = cepstra / (spread + SPREAD_FLOOR)
        around = F.pad(cepstra.transpose(1, 2), (CONTEXT_STEPS, CONTEXT_STEPS), mode="replicate")
        windows = around.unfold(-1, 2 * CONTEXT_STEPS + 1, 1)[:, :, self.stride - 1 :: self.stride * every]
        return windows.permute(0, 2, 3, 1).flatten(2)


def discriminants(points: Tensor, classes: Tensor, num_classes: int, width: int) -> tuple[Tensor, Tensor]:
    """Linear discriminant analysis: where class means differ most beside the spread inside the classes.

    points: `n d`, classes: `n` int64.  Returns the mean `d` and the projection `d width`, which brings the spread
    inside the classes to 1.  Source: Fisher 1936; Rao 1948.
    """
    mean = points.mean(dim=0)
    centred = points - mean
    counts = torch.bincount(classes, minlength=num_classes).to(points)
    means = torch.zeros(num_classes, points.shape[1]).to(points).index_add_(0, classes, centred)
    means = means / counts.clamp(min=1)[:, None]
    total = (centred.T @ centred / len(points)).double()
    between = ((means * counts[:, None]).T @ means / len(points)).double()
    within = total - between
    within += RIDGE * total.diagonal().mean() * torch.eye(len(within)).to(within)
    # A generalised symmetric problem, made an ordinary one by the inverse Cholesky factor of `within`.
    unmix = torch.linalg.inv(torch.linalg.cholesky(within))
    _, directions = torch.linalg.eigh(unmix @ between @ unmix.T)
    return mean, (unmix.T @ directions.flip(1)[:, :width]).to(points)


def cluster_centres(points: Tensor, num_clusters: int) -> Tensor:
    """k-means centres `v d` of points `n d`, of at most 120,000 of them, drawn by torch's generator."""
    if len(points) > MAX_CLUSTERED_FRAMES:
        points = points[torch.randperm(len(points), device=points.device)[:MAX_CLUSTERED_FRAMES]]
    counts, sums = kmeans(points.contiguous(), num_clusters, NUM_ITERATIONS)
    return sums / counts[:, None]


def _is_real(features: Tensor, num_steps: Tensor | None) -> Tensor:
    """`b t`: which steps of features `b m t` are not padding."""
    steps = torch.arange(features.shape[-1], device=features.device)
    return steps < (torch.full_like(features[:, :1, 0], len(steps)) if num_steps is None else num_steps[:, None])


def _cosines(num_bands: int) -> Tensor:
    """The first 13 cosines of the orthonormal DCT-II, `m c`.  Source: Davis and Mermelstein 1980."""
    band = torch.arange(num_bands) + 0.5
    order = torch.arange(NUM_CEPSTRA)
    scale = torch.where(order == 0, (1 / num_bands) ** 0.5, (2 / num_bands) ** 0.5)
    return torch.cos(torch.pi / num_bands * band[:, None] * order) * scale
