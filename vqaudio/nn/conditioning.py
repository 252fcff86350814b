"""Who speaks, told to the decoder, so that the codes need not carry it."""

import torch
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError


class SpeakerConditioning(nn.Module):
    """Speaker index -> embedding -> scale and shift for every modulated unit.

    Source: FiLM, arXiv:1709.07871; van den Oord et al. 2017 condition the decoder on the speaker likewise.
    """

    def __init__(self, num_speakers: int, *, embedding_width: int, unit_widths: tuple[int, ...]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_speakers, embedding_width)
        self.project = nn.Linear(embedding_width, 2 * sum(unit_widths))
        self.splits = tuple(2 * width for width in unit_widths)
        nn.init.normal_(self.embedding.weight, std=0.3)
        nn.init.normal_(self.project.weight, std=0.02)
        nn.init.zeros_(self.project.bias)

    def embed(self, speakers: Tensor) -> Tensor:
        """speakers: `b` int64.  Returns `b e`.  Raises VqaudioError for an index outside the table."""
        if not torch.compiler.is_compiling() and speakers.device.type == "cpu":
            low, high = int(speakers.min()), int(speakers.max())
            if low < 0 or high >= self.embedding.num_embeddings:
                raise VqaudioError(
                    f"speaker index {low if low < 0 else high} is not in 0..{self.embedding.num_embeddings - 1}"
                )
        return self.embedding(speakers)

    def forward(self, embeddings: Tensor) -> tuple[Tensor, ...]:
        """embeddings: `b e`.  Returns one `b 2d` per unit."""
        return self.project(embeddings).split(self.splits, dim=-1)
