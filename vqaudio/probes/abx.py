"""ABX discrimination: is a phone nearer to another token of itself than to a token of another phone in its context?

Source: Schatz 2016; conditions and averaging as in ZeroSpeech: within, A, B and X of one speaker; across, X of another.
An error counts 1, a tie 1/2.  Triples are averaged for each context and speaker(s), then over contexts and speakers of
X, then over speakers of A and B, then over ordered pairs of phones: figures without subsampling are those of fastabx.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.probes.items import Item

BATCH_CELLS = 4_000_000  # pairs x frames x frames held at a time


@dataclass(frozen=True)
class AbxScore:
    """The ABX error rate over phone pairs.

    error: in [0, 1], 0.5 for chance.  num_phone_pairs: ordered; num_cells: contexts x speakers that have triples.
    """

    error: float
    num_phone_pairs: int
    num_cells: int
    num_triples: int


class Cell(NamedTuple):
    """The ABX triples of one context, speaker(s) and ordered pair of phones.

    speaker: of A and B; those of X are of one speaker too.  a, b, x: numbers of the items; A and X are one phone, B is
    the other.
    """

    phones: tuple[str, str]
    speaker: str
    a: NDArray[np.int64]
    b: NDArray[np.int64]
    x: NDArray[np.int64]


@dataclass(frozen=True)
class AbxOptions:
    """The limits on the triples of ABX.

    max_items: of one phone, context and speaker, drawn by the seed; max_speakers: of X for each speaker of A, B.
    """

    max_items: int = 8
    max_speakers: int = 5
    seed: int = 0


def item_frames(values: NDArray, item: Item, grid: FrameGrid) -> NDArray:
    """Cut the frames whose centres lie within an item, or on its edges; where none does, the one that holds its middle.

    As fastabx does it; libri-light's own code leaves out the last one.
    values: codes `t` or vectors `t d` of the item's file.  Raises VqaudioError for an item beyond the file.
    """
    frame_s = grid.hop_samples / grid.sample_rate_hz
    # Rounded: times in steps of 10 ms often are centres of frames of 20 ms, and quotients of decimals miss them.
    onset, offset = (round(time_s / frame_s - 0.5, 6) for time_s in (item.onset_s, item.offset_s))
    first, end = math.ceil(onset), math.floor(offset) + 1
    if end <= first:
        first = int((item.onset_s + item.offset_s) / 2 / frame_s)
        end = first + 1
    if first >= len(values):
        raise VqaudioError(
            f"{item.file} has {len(values)} frames, an item there begins at {item.onset_s} s, frame {first}"
        )
    return values[first:end]


def abx_score(
    tokens: Sequence[NDArray], items: Sequence[Item], *, is_across: bool, options: AbxOptions | None = None
) -> AbxScore:
    """Compute the ABX error rate within or across speakers.

    tokens: the frames of each item, codes `t` or vectors `t d`.
    Raises VqaudioError if no context has two phones of one speaker with enough tokens (and another speaker, across).
    """
    options = options or AbxOptions()
    cells = list(_across_cells(items, options) if is_across else _within_cells(items, options))
    if not cells:
        kind = "across" if is_across else "within"
        raise VqaudioError(f"ABX {kind} speakers finds no triple in {len(items)} items; it needs more labelled speech")
    distances = _Distances(tokens, cells)
    by_pair: defaultdict[tuple[str, str], defaultdict[str, list[float]]]
    by_pair = defaultdict(lambda: defaultdict(list))
    num_triples = 0
    for cell in cells:
        error, count = _cell_error(cell, distances)
        by_pair[cell.phones][cell.speaker].append(error)
        num_triples += count
    means = [np.mean([np.mean(errors) for errors in groups.values()]) for groups in by_pair.values()]
    return AbxScore(float(np.mean(means)), len(by_pair), len(cells), num_triples)


class _Distances:
    """The distances that the cells need, each pair computed once."""

    def __init__(self, tokens: Sequence[NDArray], cells: Sequence[Cell]) -> None:
        self.num_tokens = len(tokens)
        wanted = [self._keys(cell.x, side).ravel() for cell in cells for side in (cell.a, cell.b)]
        self.keys = np.unique(np.concatenate(wanted))
        self.values = pair_distances(tokens, self.keys // self.num_tokens, self.keys % self.num_tokens)

    def between(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.values[np.searchsorted(self.keys, self._keys(rows, columns))]

    def _keys(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows[:, None] * self.num_tokens + columns  # in this order: of equal paths it chooses one


def _cell_error(cell: Cell, distances: _Distances) -> tuple[float, int]:
    """Compute the mean error of a cell's triples and count them; A is never X."""
    to_a, to_b = distances.between(cell.x, cell.a), distances.between(cell.x, cell.b)  # x a, x b
    difference = to_a[:, :, None] - to_b[:, None, :]
    errors = (difference > 1e-9) + 0.5 * (np.abs(difference) <= 1e-9)
    is_triple = (cell.x[:, None] != cell.a)[:, :, None] & np.ones((1, 1, len(cell.b)), dtype=bool)
    return float(errors[is_triple].mean()), int(is_triple.sum())


Groups = dict[tuple[str, str], dict[str, dict[str, NDArray[np.int64]]]]


def _groups(items: Sequence[Item], options: AbxOptions) -> Groups:
    """Group the numbers of items by context, speaker and phone, at most `max_items` of each."""
    groups: defaultdict[tuple[str, str], defaultdict[str, defaultdict[str, list[int]]]]
    groups = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for number, item in enumerate(items):
        groups[item.previous, item.following][item.speaker][item.phone].append(number)
    generator = np.random.default_rng(options.seed)

    def sampled(numbers: list[int]) -> NDArray[np.int64]:
        if len(numbers) > options.max_items:
            return np.sort(generator.choice(numbers, options.max_items, replace=False))
        return np.array(numbers, dtype=np.int64)

    return {
        context: {
            speaker: {phone: sampled(numbers) for phone, numbers in phones.items()}
            for speaker, phones in speakers.items()
        }
        for context, speakers in groups.items()
    }


def _within_cells(items: Sequence[Item], options: AbxOptions) -> Iterator[Cell]:
    for speakers in _groups(items, options).values():
        for speaker, phones in speakers.items():
            for a, b in permutations(phones, 2):
                if len(phones[a]) > 1:
                    yield Cell((a, b), speaker, phones[a], phones[b], phones[a])


def _across_cells(items: Sequence[Item], options: AbxOptions) -> Iterator[Cell]:
    generator = np.random.default_rng(options.seed)
    for speakers in _groups(items, options).values():
        for speaker, phones in speakers.items():
            for a, b in permutations(phones, 2):
                others = [other for other in speakers if other != speaker and a in speakers[other]]
                if len(others) > options.max_speakers:
                    others = [others[i] for i in generator.choice(len(others), options.max_speakers, replace=False)]
                for other in others:
                    yield Cell((a, b), speaker, phones[a], phones[b], speakers[other][a])


def pair_distances(
    tokens: Sequence[NDArray], firsts: NDArray[np.integer], seconds: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Compute the DTW distance of each pair of tokens, tokens[firsts[i]] and tokens[seconds[i]]: `m`.

    tokens: codes `t` (frames differ by 0 or 1) or vectors `t d` (by the angle between them, over pi), t at least 1.
    A path steps by one frame in either or in both; its cost is divided by its length, as libri-light's ABX does.  Of
    paths of one cost that with the last step in both is taken, then that in the second token: so does fastabx.
    Raises VqaudioError for a token without frames.
    """
    lengths = np.array([len(token) for token in tokens], dtype=np.int64)
    if len(lengths) and lengths.min() < 1:
        raise VqaudioError("DTW needs tokens of one frame or more")
    table = _padded(tokens, lengths)
    distances = np.empty(len(firsts))
    # Pairs of like size together, so that little is padded; the longer token of a pair in the rows.
    is_swapped = lengths[firsts] < lengths[seconds]
    longer, shorter = np.where(is_swapped, seconds, firsts), np.where(is_swapped, firsts, seconds)
    order = np.lexsort((lengths[shorter], lengths[longer]))
    start = 0
    while start < len(order):
        rows = int(lengths[longer[order[min(start + 4096, len(order)) - 1]]])
        batch = order[start : start + max(1, min(4096, BATCH_CELLS // (rows * rows)))]
        distances[batch] = _warp(table, lengths, longer[batch], shorter[batch], is_swapped[batch])
        start += len(batch)
    return distances


def _padded(tokens: Sequence[NDArray], lengths: NDArray[np.int64]) -> NDArray:
    """Pad tokens to one table: `tokens t` codes, or `tokens t d` vectors of length 1."""
    longest = int(lengths.max(initial=1))
    shape = (len(tokens), longest, *tokens[0].shape[1:]) if len(tokens) else (0, longest)
    is_codes = len(shape) == 2
    table = np.zeros(shape, dtype=np.int64 if is_codes else np.float32)
    for number, token in enumerate(tokens):
        table[number, : len(token)] = token
    if not is_codes:
        table /= np.maximum(np.linalg.norm(table, axis=-1, keepdims=True), 1e-12)
    return table


def _warp(
    table: NDArray,
    lengths: NDArray[np.int64],
    firsts: NDArray[np.integer],
    seconds: NDArray[np.integer],
    is_swapped: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Warp one batch: all pairs go through the cells together.  is_swapped: of equal steps the one in rows is taken."""
    first, second = table[firsts, : lengths[firsts].max()], table[seconds, : lengths[seconds].max()]
    costs = _frame_costs(first, second)  # m i j
    # best, steps: the cost of the best path to each cell of the current row, and its length.
    num_pairs, num_rows, num_columns = costs.shape
    best = np.full((num_columns + 1, num_pairs), np.inf)
    steps = np.zeros((num_columns + 1, num_pairs))
    best[0] = 0.0
    ends = np.empty(num_pairs)
    for row in range(num_rows):
        above, above_steps = best.copy(), steps.copy()
        best[0], steps[0] = np.inf, 0.0
        for column in range(num_columns):
            up, left, diagonal = above[column + 1], best[column], above[column]
            is_left = np.where(is_swapped, left < up, left <= up)
            side, side_steps = np.where(is_left, left, up), np.where(is_left, steps[column], above_steps[column + 1])
            is_diagonal = diagonal <= side
            best[column + 1] = np.where(is_diagonal, diagonal, side) + costs[:, row, column]
            steps[column + 1] = np.where(is_diagonal, above_steps[column], side_steps) + 1
        # Pairs whose first token ends in this row are done.
        is_end = np.flatnonzero(lengths[firsts] == row + 1)
        column = lengths[seconds[is_end]]
        ends[is_end] = best[column, is_end] / steps[column, is_end]
    return ends


def _frame_costs(first: NDArray, second: NDArray) -> NDArray[np.floating]:
    """Compute the cost of each pair of frames: `m i j`."""
    if first.ndim == 2:
        return (first[:, :, None] != second[:, None, :]).astype(np.float32)
    cosines = np.einsum("mid,mjd->mij", first, second)
    return np.arccos(np.clip(cosines, -1.0, 1.0)) / np.pi
