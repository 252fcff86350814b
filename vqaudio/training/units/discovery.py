"""Phone-like clusters without labels: the targets of an encoder of units.

k-means on spectra finds voices and channels as much as phones.  Neighbouring frames carry more than one frame, and the
directions in which clusters differ carry more than those in which all speech varies.  So leave out the pauses, cluster,
look for these directions by linear discriminant analysis with the clusters as classes, cluster along them, and again;
then bring every recording to the clusters by an affine map of its own, and cluster once more.
Sources: discriminants without labels, Heck et al. 2016 (10.1016/j.procs.2016.04.031), maps of speakers without labels,
Heck et al. 2017 (Feature optimized DPGMM clustering for unsupervised subword modeling, ASRU); clusters as the classes
of a network, and those of its latents as the next ones, HuBERT, arXiv:2106.07447.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.nn.stem import StemOutput
from vqaudio.quantizers.search import nearest_codes
from vqaudio.training.units.adaptation import adapt_affine
from vqaudio.training.units.frame_features import FrameFeatures, cluster_centres
from vqaudio.training.units.pauses import find_pauses, loudness

RIDGE = 1e-3  # of the mean variance: keeps directions in which nothing varies out
WIDTH = 30  # directions that are kept


class PhoneClusters(nn.Module):
    """A classifier of stem features into phone-like clusters: 0 ... v-1 for every frame, or v in a pause.

    FrameFeatures of the frame, a projection, a map for each recording, nearest centre.
    mean: `d`, projection: `d p`, centres: `v p`.
    """

    mean: Tensor
    projection: Tensor
    centres: Tensor

    def __init__(self, num_clusters: int, views: FrameFeatures, *, stride: int = 2, width: int = WIDTH) -> None:
        super().__init__()
        self.views, self.stride = views, stride
        self.register_buffer("mean", torch.zeros(views.size))
        self.register_buffer("projection", torch.eye(views.size)[:, :width].contiguous())
        self.register_buffer("centres", torch.zeros(num_clusters, self.projection.shape[1]))

    @torch.no_grad()
    def fit(self, outputs: Sequence[StemOutput], *, num_adapted_rounds: int = 2, seed: int = 0) -> None:
        """Fit projection and centres to the stem features `1 m t` and levels of each recording.

        Every round of the views finds the projection for the clusters of the round before.  In the adapted rounds
        each recording is brought to the clusters first.  Draws come from the seed alone.
        Raises VqaudioError for less speech than clusters.
        """
        # Features of the frames of speech.
        frames_and_masks = [self._frame_features(output, None) for output in outputs]
        views, speech = [frames for frames, _ in frames_and_masks], [is_speech for _, is_speech in frames_and_masks]
        frames = _chosen(views, speech)
        if len(frames) < len(self.centres):
            raise VqaudioError(f"{len(frames)} frames cannot make {len(self.centres)} clusters; give more speech")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            classes = self.views.first_classes(frames, len(self.centres))
            # Discriminants and clusters by turns.
            for _ in range(self.views.num_rounds):
                mean, projection = discriminants(frames, classes, self.projection.shape[1])
                points = (frames - mean) @ projection
                self.centres.copy_(cluster_centres(points, len(self.centres)))
                classes = nearest_codes(points, self.centres)
            self.mean.copy_(mean)
            self.projection.copy_(projection)
            # Adaptation of every recording and clusters by turns.
            for _ in range(num_adapted_rounds):
                moved = [self._points(*each) for each in zip(views, speech, strict=True)]
                self.centres.copy_(cluster_centres(_chosen(moved, speech), len(self.centres)))

    @torch.no_grad()
    def forward(self, output: StemOutput, num_steps: Tensor | None = None) -> Tensor:
        """Classify stem features `b m t` and levels of several seconds, as each recording is normalised by itself.

        num_steps: `b` steps that are real, all if None.  Returns classes `b t/stride`.
        """
        frames, is_speech = self._frame_features(output, num_steps)
        points = self._points(frames, is_speech)
        clusters = nearest_codes(points.flatten(0, 1).contiguous(), self.centres).view(is_speech.shape)
        return clusters.where(is_speech, len(self.centres))

    def _points(self, frames: Tensor, is_speech: Tensor) -> Tensor:
        """Project frames `b t d` to points `b t p`, each recording adapted to the centres."""
        return adapt_affine((frames - self.mean) @ self.projection, is_speech, self.centres)

    def _frame_features(self, output: StemOutput, num_steps: Tensor | None) -> tuple[Tensor, Tensor]:
        """Compute the features of every frame, `b t/stride d`, and whether it is speech."""
        features = output.features
        steps = torch.arange(features.shape[-1], device=features.device)
        is_real = steps < (torch.full_like(features[:, :1, 0], len(steps)) if num_steps is None else num_steps[:, None])
        is_speech = is_real & ~find_pauses(loudness(output), is_real)
        return self.views(features, is_real), is_speech[:, self.stride - 1 :: self.stride]


def discriminants(points: Tensor, classes: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Compute a linear discriminant analysis: the directions of most variance between classes over that within.

    points: `n d`, classes: `n` int64.  Returns the mean `d` and the projection `d width`, which brings the spread
    inside the classes to 1.  Source: Fisher 1936; Rao 1948.
    """
    num_classes = int(classes.max()) + 1
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


def _chosen(parts: Sequence[Tensor], chosen: Sequence[Tensor]) -> Tensor:
    """Select the chosen frames of all parts, `n d`.  parts: `1 t d` each, chosen: `1 t` bool each."""
    return torch.cat([part[is_chosen] for part, is_chosen in zip(parts, chosen, strict=True)])
