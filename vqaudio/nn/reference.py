"""A reference encoder: the speaker embedding of a recording, so that speakers need no row in a table."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.nn.stem import SPREAD, SpectralStem

QUIET = 1.5  # log10 amplitude: frames 30 dB below the loudest are pauses and carry no voice
KEPT = 0.99  # of the running mean, each step


class ReferenceEncoder(nn.Module):
    """A speaker encoder, audio `b 1 n` -> embedding `b e`: mean and deviation of log mel magnitudes -> two layers.

    The level is left in: how loud somebody was recorded is a part of the voice that codes do not carry.  Nothing of the
    order of sounds gets through, so that of what is said only the average over the recording can leak.
    typical: running mean of the speaker embeddings of the speech trained on, used where no speaker is given.
    Source: statistics pooling, x-vectors, Snyder et al. 2018; trained with the decoder: arXiv:1803.09047.
    """

    typical: Tensor

    def __init__(self, stem: SpectralStem, *, num_bands: int, hidden: int, embedding_width: int) -> None:
        super().__init__()
        self.stem = stem
        self.layers = nn.Sequential(nn.Linear(2 * num_bands, hidden), nn.ELU(), nn.Linear(hidden, embedding_width))
        self.register_buffer("typical", torch.zeros(embedding_width))

    def forward(self, audio: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute speaker embeddings `b e` of audio `b 1 n`.  lengths: `b` samples that are real (all, if None)."""
        hop = self.stem.stride
        num_frames = -(-audio.shape[-1] // hop)
        is_real = None
        if lengths is not None:
            is_real = torch.arange(num_frames, device=audio.device) < -(-lengths[:, None] // hop)
            audio = audio * (torch.arange(audio.shape[-1], device=audio.device) < lengths[:, None, None])
        with torch.no_grad():
            features = self.stem(F.pad(audio, (0, num_frames * hop - audio.shape[-1]))).features
        embeddings = self.pool_statistics(features, is_real)
        if self.training:
            self.typical.lerp_(embeddings.detach().mean(dim=0), 1 - KEPT)
        return embeddings

    def pool_statistics(self, features: Tensor, is_real: Tensor | None = None) -> Tensor:
        """Pool features `b m t` over time to embeddings `b e`.  is_real: `b t`, the frames that count; None: all."""
        with torch.autocast(features.device.type, enabled=False):
            # Gate: frames far below the loudest are pauses.
            loudness = features.mean(dim=1)
            if is_real is not None:
                loudness = loudness.masked_fill(~is_real, -torch.inf)
            counts = (loudness >= loudness.amax(dim=1, keepdim=True) - QUIET / SPREAD).unsqueeze(1).to(features.dtype)
            # Mean and deviation over the frames that count.
            num_counted = counts.sum(dim=-1)
            mean = (features * counts).sum(dim=-1) / num_counted
            variance = ((features - mean.unsqueeze(-1)).square() * counts).sum(dim=-1) / num_counted
            return self.layers(torch.cat([mean, (variance + 1e-5).sqrt()], dim=-1))
