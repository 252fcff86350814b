"""Ancestral sampling of codes from a prior: one symbol after the other, each drawn from the network's distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.checkpoint import CheckpointPrior
from vqaudio.prior.language import Grammar, Tokens
from vqaudio.prior.model import Prior, new_cache
from vqaudio.prior.segment_grammar import SegmentGrammar, grammar_of

RECENT_FRAMES = 50  # what counts as repeated: one second at 50 Hz


@dataclass(frozen=True)
class SamplingOptions:
    """The options of drawing a symbol.

    temperature: logits are divided by it; 0 takes the likeliest.  top_k: of the k likeliest only, 0 for all.
    top_p: of the likeliest that together have at least this share (Holtzman et al. 2020, arXiv:1904.09751).
    repetition: log-probabilities of units of the last RECENT_FRAMES are multiplied by it, so that above 1 they become
    less likely (after Keskar et al. 2019, arXiv:1909.05858).
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    repetition: float = 1.0

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1 or self.repetition <= 0:
            raise VqaudioError(
                f"wanted a temperature and a top-k of 0 or more, a top-p above 0 and at most 1, a repetition above 0; "
                f"got {self}"
            )


@dataclass(frozen=True)
class Lengths:
    """The number of frames that a sample may have, its prompt included."""

    min_frames: int
    max_frames: int


@torch.inference_mode()
def sample_codes(
    prior: Prior | CheckpointPrior,
    num_samples: int,
    lengths: Lengths,
    options: SamplingOptions | None = None,
    *,
    prompt: NDArray[np.integer] | None = None,
    speaker: str | None = None,
    seed: int = 0,
    has_cache: bool = True,
) -> list[Tokens]:
    """Sample codes `k t` from a prior, all from one prompt of codes `k t`, which they begin with, or from nothing.

    Sample i draws from a random generator of its own, (seed, i).  A sample ends where the prior ends it, or at the
    longest length.  has_cache=False computes every step anew: slower, and the same but for rounding.
    Raises VqaudioError for a speaker whom the prior does not know, or a prompt that leaves no room.
    """
    language, options = prior.language, options or SamplingOptions()
    if speaker is not None and speaker not in language.speakers:
        known = ", ".join(language.speakers[:5]) or "none"
        raise VqaudioError(f"the prior does not know the speaker {speaker!r}; it knows {known} ...")
    # Each sample has a grammar and a generator of its own; all start from the same prompt.
    bounds = {"min_frames": lengths.min_frames, "max_frames": lengths.max_frames}
    grammars = [grammar_of(language, **bounds) for _ in range(num_samples)]
    begun = _begin(prior, grammars, prompt, lengths)
    reader = Reader(prior, has_cache=has_cache)
    generators = [np.random.default_rng((seed, number)) for number in range(num_samples)]
    tokens = np.tile(np.concatenate([language.head(speaker), language.predicted[begun]]), (num_samples, 1))
    # One symbol for each sample at every step; finished samples are fed the end.
    while any(grammar.is_open for grammar in grammars):
        scores = reader.read(tokens)
        drawn = [
            draw(scores[row], grammar, options, generators[row]) if grammar.is_open else language.num_symbols - 1
            for row, grammar in enumerate(grammars)
        ]
        tokens = language.predicted[np.array(drawn)][:, None]
    return [grammar.codes() for grammar in grammars]


class Reader:
    """A stateful reader of tokens, which predicts the next symbol step by step.

    When the context is full, it continues from the newer half of it.
    """

    def __init__(self, prior: Prior | CheckpointPrior, *, has_cache: bool = True) -> None:
        self._prior, self._has_cache = prior, has_cache
        self._seen = np.zeros((0, 0), dtype=np.int64)
        self._cache = new_cache() if has_cache else None

    def read(self, tokens: Tokens) -> NDArray[np.float64]:
        """Read the next tokens and predict the symbol after them.

        tokens: `b n`.  Returns log-probabilities of the symbol after the last, `b v`.
        """
        seen = np.concatenate([self._seen.reshape(len(tokens), -1), tokens], axis=1)
        context = self._prior.config.context_tokens
        if seen.shape[1] > context:
            seen = tokens = seen[:, -(context // 2) :]
            self._cache = new_cache() if self._has_cache else None
        self._seen = seen
        read = torch.from_numpy(np.ascontiguousarray(tokens if self._has_cache else seen))
        logits = self._prior(read.to(self._prior.device), cache=self._cache)[:, -1]
        return logits.double().log_softmax(dim=-1).cpu().numpy()


def draw(
    scores: NDArray[np.float64],
    grammar: Grammar | SegmentGrammar,
    options: SamplingOptions,
    generator: np.random.Generator,
) -> int:
    """Draw one symbol that the grammar allows, and push it to the grammar.  scores: log-probabilities `v`."""
    scores = np.where(grammar.allowed(), scores, -np.inf)
    if options.repetition != 1:
        recent = np.unique(grammar.recent(RECENT_FRAMES)).astype(np.int64)
        scores[recent] *= options.repetition
    symbol = int(scores.argmax())
    if options.temperature > 0 and options.top_k != 1:
        edges = np.cumsum(chances_of(scores, options))
        symbol = int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))
    grammar.push(symbol)
    return symbol


def chances_of(scores: NDArray[np.float64], options: SamplingOptions) -> NDArray[np.float64]:
    """Convert log-probabilities `v` to the probabilities they are drawn with, `v`; their sum is 1.

    >>> chances_of(np.log([0.5, 0.25, 0.25]), SamplingOptions(top_k=1)).tolist()
    [1.0, 0.0, 0.0]
    """
    scores = scores / options.temperature
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    order = np.argsort(-probabilities, kind="stable")
    num_kept = len(probabilities) if not options.top_k else min(options.top_k, len(probabilities))
    if options.top_p < 1:
        num_kept = min(num_kept, int(np.searchsorted(np.cumsum(probabilities[order]), options.top_p)) + 1)
    probabilities[order[num_kept:]] = 0
    return probabilities / probabilities.sum()


def _begin(
    prior: Prior | CheckpointPrior,
    grammars: Sequence[Grammar | SegmentGrammar],
    prompt: NDArray[np.integer] | None,
    lengths: Lengths,
) -> Tokens:
    """Push the units of a prompt to every grammar.

    Returns them; of delayed codebooks only what the prompt's frames decide.
    """
    if prompt is None:
        return np.zeros(0, dtype=np.int64)
    num_frames = prompt.shape[1]
    if num_frames >= lengths.max_frames:
        raise VqaudioError(
            f"the prompt has {num_frames} frames, which leaves nothing of {lengths.max_frames}; ask for more seconds"
        )
    units = prior.language.begun(prompt)
    for grammar in grammars:
        for unit in units:
            grammar.push(int(unit))
    return units
