"""Stability of the codes when the sound changes without changing what is said."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.runs import to_runs


@dataclass(frozen=True)
class Stability:
    """The difference of the codes of changed recordings from those of the clean ones.

    flips: share of the frames whose code differs; NaN where the change moves the frames (speed).
    edit_distance: edits for each clean frame.  merged_edit_distance: of the runs, edits for each clean run.
    """

    flips: float
    edit_distance: float
    merged_edit_distance: float
    num_frames: int
    num_utterances: int


def measure_stability(
    clean: Sequence[NDArray[np.integer]], changed: Sequence[NDArray[np.integer]], *, is_aligned: bool = True
) -> Stability:
    """Measure how much the codes change.

    clean, changed: one `t` array for each utterance, in the same order.
    is_aligned: frame t of both covers the same sound; then the numbers of frames may differ by the last one or two
    only, and the shorter counts.  Edit distance: Gat et al. 2022, arXiv:2209.15483 (unit edit distance).
    Raises VqaudioError for different numbers of utterances or frames, or for no frame.
    """
    num_frames = sum(len(codes) for codes in clean)
    if len(clean) != len(changed) or not num_frames:
        raise VqaudioError(f"wanted as many changed as clean utterances, got {len(changed)} and {len(clean)}")
    edits = sum(levenshtein(before, after) for before, after in zip(clean, changed, strict=True))
    runs = [(to_runs(before)[0], to_runs(after)[0]) for before, after in zip(clean, changed, strict=True)]
    merged = sum(levenshtein(before, after) for before, after in runs) / sum(len(before) for before, _ in runs)
    flips = flip_share(clean, changed) if is_aligned else float("nan")
    return Stability(flips, edits / num_frames, merged, num_frames, len(clean))


def flip_share(clean: Sequence[NDArray[np.integer]], changed: Sequence[NDArray[np.integer]]) -> float:
    """Compute the share of the frames whose code differs.

    Raises VqaudioError if two lengths differ by more than two frames.
    """
    num_flips = num_frames = 0
    for before, after in zip(clean, changed, strict=True):
        shared = min(len(before), len(after))
        if max(len(before), len(after)) - shared > 2:
            raise VqaudioError(
                f"flips compare frames of the same time, got {len(before)} and {len(after)} frames; use the edit "
                f"distance"
            )
        num_flips += int((before[:shared] != after[:shared]).sum())
        num_frames += shared
    return num_flips / num_frames if num_frames else float("nan")


def levenshtein(one: NDArray[np.integer], other: NDArray[np.integer]) -> int:
    """Count the fewest insertions, deletions and substitutions that turn one sequence into the other.

    Row by row; along a row the insertions are a running minimum: best[j] = min over i <= j of (best[i] - i) + j.

    >>> levenshtein(np.array([1, 2, 3, 4]), np.array([1, 3, 4, 4]))
    2
    """
    steps = np.arange(len(other) + 1)
    row = steps.copy()
    for index, code in enumerate(one, 1):
        without_insertions = np.empty_like(row)
        without_insertions[0] = index
        without_insertions[1:] = np.minimum(row[1:] + 1, row[:-1] + (other != code))
        row = np.minimum.accumulate(without_insertions - steps) + steps
    return int(row[-1])
