"""N-gram models of symbols: the baselines that a prior must beat, and a sampler to compare its samples with.

    p(w | h) = (c(hw) - D(c(hw))) / c(h) + (what the discounts took from h) / c(h) * p(w | h without its oldest symbol)

down to one symbol in `v`.  D depends on whether an n-gram occurred once, twice or more; each order has its own three,
fitted on a tenth of the documents that the counts of that moment leave out.  Lower orders count occurrences, or in how
many contexts a symbol occurs, whichever costs fewer bits on that tenth.

Source: interpolated modified Kneser-Ney smoothing (Chen and Goodman 1999), with its discounts searched for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.prior.language import Tokens

FITTED_EVERY = 10
CLASSES = 3  # occurred once, twice, more often
STEPS, ROUNDS = 24, 2  # of the search for a discount
Discounts = tuple[float, ...]


class NgramCounts(NamedTuple):
    """The counts of some n-grams hw.

    counts: c(hw), `n`.  totals: c(h), `n`.
    followers: how many different symbols came after h once, twice, more often, `n 3`.
    """

    counts: NDArray[np.float64]
    totals: NDArray[np.float64]
    followers: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class OrderCounts:
    """The counts of all n-grams of one length.

    keys: rising, `context * base + symbol` with the context's symbols as digits.  contexts: rising, with the sum of
    their counts, and the followers of each by how often they came: `contexts 3`.
    """

    keys: Tokens
    counts: Tokens
    contexts: Tokens
    totals: Tokens
    followers: Tokens

    @classmethod
    def of(cls, keys: Tokens, counts: Tokens, base: int) -> "OrderCounts":
        """Count the contexts of different n-grams, given how often each n-gram occurs."""
        contexts, starts = np.unique(keys // base, return_index=True)
        kinds = np.eye(CLASSES, dtype=np.int64)[np.minimum(counts, CLASSES) - 1]
        return cls(keys, counts, contexts, np.add.reduceat(counts, starts), np.add.reduceat(kinds, starts, axis=0))

    def look_up(self, keys: Tokens, base: int) -> NgramCounts:
        """Look up the counts of n-grams; 0 for what never occurred."""
        contexts = keys // base
        context_index = np.minimum(np.searchsorted(self.contexts, contexts), len(self.contexts) - 1)
        is_known = self.contexts[context_index] == contexts
        index = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return NgramCounts(
            np.where(self.keys[index] == keys, self.counts[index], 0).astype(np.float64),
            np.where(is_known, self.totals[context_index], 0).astype(np.float64),
            np.where(is_known[:, None], self.followers[context_index], 0).astype(np.float64),
        )


@dataclass(frozen=True, eq=False)
class NgramModel:
    """An interpolated n-gram model.

    Symbols are 0 ... num_symbols - 1, the last of which ends a document; `num_symbols` pads the context before the
    first.
    """

    num_symbols: int
    orders: tuple[OrderCounts, ...]
    discounts: tuple[Discounts, ...]

    @property
    def base(self) -> int:
        """The base of n-gram numbers: all symbols, and the one that pads the context."""
        return self.num_symbols + 1

    def log2_probabilities(self, document: Tokens) -> NDArray[np.float64]:
        """Compute the log2-probability of each symbol given all before it: `n`."""
        probabilities = np.full(len(document), 1 / self.num_symbols)
        keys_by_order = ngram_keys([document], len(self.orders), self.base)
        for keys, counts, discounts in zip(keys_by_order, self.orders, self.discounts, strict=True):
            probabilities = _interpolate(probabilities, counts.look_up(keys, self.base), discounts)
        return np.log2(probabilities)

    def distribution(self, history: Sequence[int]) -> NDArray[np.float64]:
        """Compute the probability of every symbol after a history: `num_symbols`."""
        probabilities, symbols = np.full(self.num_symbols, 1 / self.num_symbols), np.arange(self.num_symbols)
        padded = [self.num_symbols] * len(self.orders) + list(history)
        for length, (counts, discounts) in enumerate(zip(self.orders, self.discounts, strict=True)):
            context = 0
            for symbol in padded[len(padded) - length :]:
                context = context * self.base + symbol
            ngrams = counts.look_up(context * self.base + symbols, self.base)
            probabilities = _interpolate(probabilities, ngrams, discounts)
        return probabilities

    def sample(self, generator: np.random.Generator, *, min_symbols: int, max_symbols: int) -> Tokens:
        """Sample one document without its end, which does not come before min_symbols."""
        drawn: list[int] = []
        while len(drawn) < max_symbols:
            probabilities = self.distribution(drawn[-len(self.orders) :])
            if len(drawn) < min_symbols:
                probabilities[-1] = 0
            edges = np.cumsum(probabilities)
            symbol = int(np.searchsorted(edges, generator.random() * edges[-1], side="right"))
            if symbol == self.num_symbols - 1:
                break
            drawn.append(symbol)
        return np.array(drawn, dtype=np.int64)


def fit_ngrams(documents: Sequence[Tokens], num_symbols: int, order: int) -> NgramModel:
    """Fit a model of n-grams up to `order` symbols long.

    documents: symbols, each with its end.  Raises VqaudioError for fewer than two documents or numbers too large.
    """
    base = num_symbols + 1
    if len(documents) < 2:
        raise VqaudioError(f"n-grams are fitted on 2 documents or more, got {len(documents)}")
    if base**order >= 2**63:
        raise VqaudioError(f"n-grams of {order} of {num_symbols} symbols have no 64-bit number; take a lower order")
    every = min(FITTED_EVERY, len(documents))
    kept = [document for index, document in enumerate(documents) if index % every]
    keys = ngram_keys(documents[::every], order, base)
    fits = []
    for is_by_contexts in (False, True) if order > 1 else (False,):
        counts = count_ngrams(kept, order, base, is_by_contexts=is_by_contexts)
        ngrams = [order_counts.look_up(its_keys, base) for order_counts, its_keys in zip(counts, keys, strict=True)]
        fits.append((*_fit_discounts(ngrams, num_symbols), is_by_contexts))
    _, discounts, is_by_contexts = min(fits)
    return NgramModel(num_symbols, count_ngrams(documents, order, base, is_by_contexts=is_by_contexts), discounts)


def count_ngrams(
    documents: Sequence[Tokens], order: int, base: int, *, is_by_contexts: bool = False
) -> tuple[OrderCounts, ...]:
    """Count the n-grams of every length up to `order`.

    is_by_contexts: of the lower orders, count in how many contexts each n-gram occurs.
    """
    orders: list[OrderCounts] = []  # from the longest n-grams down
    for length, keys in reversed(list(enumerate(ngram_keys(documents, order, base), 1))):
        if is_by_contexts and orders:
            keys = orders[-1].keys % base**length  # once for each different symbol before it
        different, counts = np.unique(keys, return_counts=True)
        orders.append(OrderCounts.of(different, counts.astype(np.int64), base))
    return tuple(reversed(orders))


def ngram_keys(documents: Sequence[Tokens], order: int, base: int) -> list[Tokens]:
    """Number the n-gram that ends at each symbol of all documents, for each length up to `order`."""
    start = np.full(order - 1, base - 1, dtype=np.int64)
    joined = np.concatenate([part for document in documents for part in (start, document)])
    is_symbol = np.concatenate([np.arange(order - 1 + len(document)) >= order - 1 for document in documents])
    keys, number = [], np.zeros(len(joined), dtype=np.int64)
    for length in range(1, order + 1):
        earlier = np.concatenate([np.zeros(length - 1, dtype=np.int64), joined[: len(joined) - length + 1]])
        number = number + earlier * base ** (length - 1)
        keys.append(number[is_symbol])
    return keys


def _fit_discounts(orders: Sequence[NgramCounts], num_symbols: int) -> tuple[float, tuple[Discounts, ...]]:
    """Search the discounts that cost the fewest bits, from the lowest order upwards, one class after the other.

    Returns the bits and the discounts of each order.
    """
    below = np.full(len(orders[0].counts), 1 / num_symbols)
    fitted, bits = [], 0.0
    for ngrams in orders:
        discounts = [0.5, 0.75, 1.0]
        for kind in [*range(CLASSES)] * ROUNDS:
            tried = [
                [*discounts[:kind], float(value), *discounts[kind + 1 :]]
                for value in np.linspace(0.02, kind + 1.0, STEPS)
            ]
            costs = [-float(np.log2(_interpolate(below, ngrams, candidate)).sum()) for candidate in tried]
            discounts, bits = tried[int(np.argmin(costs))], min(costs)
        fitted.append(tuple(discounts))
        below = _interpolate(below, ngrams, discounts)
    return bits, tuple(fitted)


def _interpolate(below: NDArray[np.float64], ngrams: NgramCounts, discounts: Sequence[float]) -> NDArray[np.float64]:
    """Interpolate the probabilities `n` of one order with those of the next lower one, `below`."""
    kind = np.minimum(ngrams.counts, CLASSES).astype(np.int64)
    left = ngrams.counts - np.array([0.0, *discounts])[kind]
    taken = ngrams.followers @ np.array(discounts)
    return np.where(ngrams.totals > 0, (left + taken * below) / np.maximum(ngrams.totals, 1), below)
