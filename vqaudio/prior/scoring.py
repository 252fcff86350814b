"""Scoring of held-out codes: the bits that they cost a prior or an n-gram model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.language import Tokens
from vqaudio.prior.model import Prior

BATCH_TOKENS = 8_192


@dataclass(frozen=True)
class Bits:
    """The cost of documents: the bits of every code and of every document's end, over their codes and seconds."""

    bits: float
    num_codes: int
    seconds: float

    @property
    def per_code(self) -> float:
        """Bits for each code; the ends are paid for by the codes."""
        return self.bits / self.num_codes

    @property
    def per_second(self) -> float:
        """Bits for each second of audio."""
        return self.bits / self.seconds

    @classmethod
    def of(cls, log2s: Sequence[NDArray[np.float64]], *, num_codes: int, seconds: float) -> "Bits":
        """Add up the log2-probabilities of every symbol.  Raises VqaudioError where there are no codes."""
        if not num_codes or not seconds > 0:
            raise VqaudioError("there are no codes to score; is the share of speakers held out too small?")
        return cls(-float(sum(scores.sum() for scores in log2s)), num_codes, seconds)


@torch.inference_mode()
def log2_probabilities(prior: Prior, documents: Sequence[Tokens]) -> list[NDArray[np.float64]]:
    """Compute the log2-probability of every symbol of each document given all before it.

    Returns `n` for a document of head + n tokens.  A document longer than the context is read in
    windows that overlap by half: its symbols then see at least half a context.  Documents are batched by length; the
    result does not depend on it but for rounding.
    """
    was_training, num_head = prior.training, len(prior.language.head())
    prior.eval()
    results = [np.zeros(len(document) - num_head) for document in documents]
    for batch in _batches([len(document) for document in documents]):
        length = max(len(documents[number]) for number in batch)
        padded = np.zeros((len(batch), length), dtype=np.int64)
        for row, number in enumerate(batch):
            padded[row, : len(documents[number])] = documents[number]
        scores = _scores(prior, torch.from_numpy(padded).to(prior.device))
        for row, number in enumerate(batch):
            results[number] = scores[row, num_head - 1 : len(documents[number]) - 1]
    prior.train(was_training)
    return results


def _scores(prior: Prior, tokens: torch.Tensor) -> NDArray[np.float64]:
    """Compute the log2-probability of each token but the first given those before.

    tokens: `b n`.  Returns `b n - 1`.
    """
    context, length = prior.config.context_tokens, tokens.shape[1]
    symbols = symbols_of(prior, tokens)
    scores = np.zeros((len(tokens), length - 1))
    done = 0
    while done < length - 1:
        start = 0 if done == 0 else max(0, min(done - context // 2, length - 1 - context))
        end = min(start + context, length - 1)
        logits = prior(tokens[:, start:end])[:, done - start :]
        wanted = symbols[:, done + 1 : end + 1, None].clamp(min=0)
        chosen = logits.double().log_softmax(dim=-1).gather(-1, wanted)[..., 0]
        scores[:, done:end] = (chosen / np.log(2)).cpu().numpy()
        done = end
    return scores


def symbols_of(prior: Prior, tokens: torch.Tensor) -> torch.Tensor:
    """Convert tokens to symbols, -100 for tokens that are not predicted (those of a document's head)."""
    language = prior.language
    units = torch.where(tokens < language.vocabulary.num_units, tokens, -100)
    return torch.where(tokens == language.eos, language.num_symbols - 1, units)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Group the numbers of documents of like length, the longest first, about BATCH_TOKENS in each batch."""
    batch: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(number)
    if batch:
        yield batch
