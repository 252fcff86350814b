"""Speaker conditioning of the decoder, so that the codes need not carry who speaks."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError


class SpeakerConditioning(nn.Module):
    """Speaker conditioning: speaker -> embedding -> scale and shift for every modulated unit.

    num_speakers: rows of the table of embeddings; with 0 there is no table, and embeddings come from elsewhere.
    Source: FiLM, arXiv:1709.07871; van den Oord et al. 2017 condition the decoder on the speaker likewise.
    """

    def __init__(self, num_speakers: int, *, embedding_width: int, unit_widths: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_speakers, embedding_width) if num_speakers else None
        self.width = embedding_width
        self.project = nn.Linear(embedding_width, 2 * sum(unit_widths))
        self.splits = tuple(2 * width for width in unit_widths)
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    @property
    def table(self) -> Tensor:
        """All embeddings, `s e`.  Raises VqaudioError if there is no table."""
        if self.embedding is None:
            raise VqaudioError("this decoder has no table of speakers; give it embeddings")
        return self.embedding.weight

    def embed(self, speakers: Tensor) -> Tensor:
        """Look up the embeddings `b e` of speakers `b` int64.  Raises VqaudioError for an index outside the table."""
        if not torch.compiler.is_compiling() and speakers.device.type == "cpu":
            low, high = int(speakers.min()), int(speakers.max())
            if low < 0 or high >= len(self.table):
                raise VqaudioError(f"speaker index {low if low < 0 else high} is not in 0..{len(self.table) - 1}")
        return F.embedding(speakers, self.table)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """Project speaker embeddings `b e` to scale and shift: one `b 2d` per unit."""
        return self.project(embeddings).split(self.splits, dim=-1)
