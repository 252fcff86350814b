"""A small causal prior of all codebooks, frame after frame: how many bits the codes are worth, for any number of books.

    codes of frames before t, books 1 ... k  ->  recurrent network  ->  state of frame t
    state, and books 1 ... q - 1 of frame t  ->  chances of book q's codes in frame t

One table of vectors for each codebook serves for reading and for predicting.  Trained with k now small, now all, it
knows of a stream of k books what a decoder of that stream knows, and not more.

Source: the entropy coder of EnCodec (Défossez et al. 2022, arXiv:2210.13438, section 3.4), which predicts the books of
a frame apart from each other; here each knows those below it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp

INITIAL_SPREAD = 0.3  # standard deviation of fresh vectors
FRAMES_AT_ONCE = 1_000  # of a recording that is scored: 32 MB for eight codebooks of 1024


@dataclass(frozen=True)
class FrameNetworkConfig:
    """The shape of a frame prior.

    vector: width of a code's vector.  width: of the recurrent network.  hidden: between state and a book's prediction.
    dropout: of vectors and states, in training.
    """

    vector: int = 40
    width: int = 160
    hidden: int = 80
    dropout: float = 0.1

    def __post_init__(self) -> None:
        if min(self.vector, self.width, self.hidden) < 1 or not 0 <= self.dropout < 1:
            raise VqaudioError(f"wanted widths of 1 or more and a dropout in [0, 1), got {self}")


class FramePrior(nn.Module):
    """The chances of every code given all frames before it and the books below it.

    stamp: of the codec; its num_codebooks are the most that the prior reads.
    """

    def __init__(self, config: FrameNetworkConfig, stamp: CodecStamp) -> None:
        super().__init__()
        self.config, self.stamp = config, stamp
        books, size, vector = stamp.num_codebooks, stamp.codebook_size, config.vector
        self.vectors = nn.Parameter(torch.randn(books, size, vector) * INITIAL_SPREAD)
        self.biases = nn.Parameter(torch.zeros(books, size))
        self.read = nn.Linear(books * vector, config.width)
        self.recurrent = nn.GRU(config.width, config.width, batch_first=True)
        self.from_state = nn.Linear(config.width, books * config.hidden)
        self.from_below = nn.Parameter(torch.randn(books, vector, config.hidden) * vector**-0.5)
        self.to_vector = nn.Parameter(torch.randn(books, config.hidden, vector) * config.hidden**-0.5)
        self.dropout = nn.Dropout(config.dropout)

    @property
    def num_parameters(self) -> int:
        """The number of weights."""
        return sum(value.numel() for value in self.parameters())

    def forward(self, codes: Tensor) -> Tensor:
        """Compute the log-chances of all codes in every place.

        codes: `b k t` int64, k up to those of the stamp: a stream of the first k books.
        Returns `b k t v`; what stands in a place decides nothing there, nor in books below it, nor before it.
        """
        vectors = self._look_up(codes)
        return self._predict(self._states(vectors), vectors)

    def _look_up(self, codes: Tensor) -> Tensor:
        """Look up the vectors of codes `b k t`: `b t k d`."""
        found = [F.embedding(codes[:, book], self.vectors[book]) for book in range(codes.shape[1])]
        return self.dropout(torch.stack(found, dim=2))

    def _states(self, vectors: Tensor) -> Tensor:
        """Compute the state of every frame from the vectors of those before it: `b t k d` -> `b t width`."""
        absent = self.stamp.num_codebooks - vectors.shape[2]
        before = F.pad(vectors, (0, 0, 0, absent, 1, -1))  # one frame later; books that are not there are zero
        return self.dropout(self.recurrent(self.read(before.flatten(2)))[0])

    def _predict(self, states: Tensor, vectors: Tensor) -> Tensor:
        """Compute the log-chances in some frames from their states and, of lower books, their vectors: `b k t v`."""
        books = vectors.shape[2]
        told = torch.einsum("b t k d, k d h -> b t k h", vectors, self.from_below[:books])
        below = F.pad(told.cumsum(dim=2), (0, 0, 1, -1))
        hidden = self.from_state(states).unflatten(-1, (-1, self.config.hidden))[:, :, :books] + below
        hidden = rearrange(F.gelu(hidden), "b t k h -> k (b t) h")
        guesses = torch.bmm(hidden, self.to_vector[:books])
        logits = torch.baddbmm(self.biases[:books, None], guesses, self.vectors[:books].transpose(1, 2))
        return rearrange(logits.float().log_softmax(dim=-1), "k (b t) v -> b k t v", b=len(states))

    def bits(self, codes: Tensor) -> Tensor:
        """Compute the bits of each code of one recording, `k t`, in memory that hardly grows with its length."""
        if not codes.shape[1]:
            return codes.double()
        vectors, parts = self._look_up(codes[None]), []
        states = self._states(vectors)
        for start in range(0, codes.shape[1], FRAMES_AT_ONCE):
            window = slice(start, start + FRAMES_AT_ONCE)
            chances = self._predict(states[:, window], vectors[:, window])[0]
            parts.append(chances.gather(-1, codes[:, window, None])[..., 0].double())
        return -torch.cat(parts, dim=1) / math.log(2)


@torch.inference_mode()
def frame_bits(prior: FramePrior, recordings: Sequence[NDArray[np.integer]]) -> list[NDArray[np.float64]]:
    """Compute the bits of every code of some recordings, each given what comes before it and nothing else.

    recordings: `k t` each, k up to those of the prior: what a stream of these k books costs.  Returns `k t` for each.
    The number of frames is taken as known.  Raises VqaudioError for other books or codes than the prior's.
    """
    was_training, results = prior.training, []
    prior.eval()
    for codes in recordings:
        if codes.ndim != 2 or not 1 <= len(codes) <= prior.stamp.num_codebooks:
            raise VqaudioError(f"wanted codes k t of up to {prior.stamp.num_codebooks} codebooks, got {codes.shape}")
        if codes.size and not 0 <= codes.min() <= codes.max() < prior.stamp.codebook_size:
            raise VqaudioError(f"wanted codes below {prior.stamp.codebook_size}, got {codes.min()} to {codes.max()}")
        found = prior.bits(torch.from_numpy(codes.astype(np.int64)).to(prior.biases.device))
        results.append(found.cpu().numpy())
    prior.train(was_training)
    return results
