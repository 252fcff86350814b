"""Speaker leakage: how well the frequencies of the codes in one utterance, or its vectors, identify its speaker."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError

MIN_UTTERANCES = 4  # of a speaker, so that some can be tested


@dataclass(frozen=True)
class SpeakerLeakage:
    """The accuracy of speaker identification from codes.

    accuracy: share of utterances whose speaker is identified; chance: of naming the most frequent speaker always.
    num_left_out: utterances of speakers with fewer than four.
    """

    accuracy: float
    chance: float
    num_speakers: int
    num_utterances: int
    num_left_out: int


def code_histograms(codes: Sequence[NDArray[np.integer]], num_codes: int) -> NDArray[np.float64]:
    """Compute square roots of the shares of each code in each utterance: `u v`, rows of length 1 (Hellinger)."""
    counts = np.stack([np.bincount(utterance, minlength=num_codes) for utterance in codes]).astype(np.float64)
    return np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def vector_statistics(vectors: Sequence[NDArray[np.floating]]) -> NDArray[np.float64]:
    """Compute mean and standard deviation over each utterance's vectors `t d`: `u 2d` (statistics pooling)."""
    return np.stack([np.concatenate([part.mean(axis=0), part.std(axis=0)]) for part in vectors]).astype(np.float64)


def speaker_leakage(
    codes: Sequence[NDArray[np.integer]], speakers: Sequence[str], num_codes: int, *, seed: int = 0
) -> SpeakerLeakage:
    """Identify speakers by logistic regression from histograms of codes, in four folds of utterances.

    codes: one `t` array for each utterance, each tested by a model that was not fitted on it.  Every fold has every
    speaker.
    Raises VqaudioError if fewer than two speakers have four utterances.
    """
    # Rows have length 1: weak regularisation.
    return _leakage(code_histograms(codes, num_codes), speakers, 100.0, seed=seed, is_scaled=False)


def vector_leakage(
    vectors: Sequence[NDArray[np.floating]], speakers: Sequence[str], *, seed: int = 0
) -> SpeakerLeakage:
    """Identify speakers as `speaker_leakage` does, from the statistics of vectors `t d`, one array an utterance."""
    return _leakage(vector_statistics(vectors), speakers, 1.0, seed=seed, is_scaled=True)


def _leakage(
    inputs: NDArray[np.float64], speakers: Sequence[str], strength: float, *, seed: int, is_scaled: bool
) -> SpeakerLeakage:
    """Identify speakers from inputs `u d`.  is_scaled: standardise them.  strength: inverse of regularisation."""
    # Speakers with too few utterances cannot be in every fold.
    names, owner, sizes = np.unique(np.asarray(speakers, dtype=str), return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes[owner] >= MIN_UTTERANCES)
    num_speakers = int((sizes >= MIN_UTTERANCES).sum())
    if num_speakers < 2:
        raise VqaudioError(
            f"speaker leakage needs two speakers with {MIN_UTTERANCES} utterances or more, got {num_speakers} "
            f"of {len(names)} speakers; tokenize with --metadata so that the store knows who speaks"
        )
    accuracy = _cross_validated(inputs[kept], owner[kept], strength, seed=seed, is_scaled=is_scaled)
    chance = float(sizes.max() / len(kept))
    return SpeakerLeakage(accuracy, chance, num_speakers, len(kept), len(inputs) - len(kept))


def _cross_validated(
    inputs: NDArray[np.float64], owner: NDArray[np.integer], strength: float, *, seed: int, is_scaled: bool
) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    num_right = 0
    for fitted, tested in StratifiedKFold(MIN_UTTERANCES, shuffle=True, random_state=seed).split(inputs, owner):
        scalers = [StandardScaler()] if is_scaled else []
        model = make_pipeline(*scalers, LogisticRegression(C=strength, max_iter=300, tol=1e-3))
        model.fit(inputs[fitted], owner[fitted])
        num_right += int(np.sum(model.predict(inputs[tested]) == owner[tested]))
    return num_right / len(owner)
