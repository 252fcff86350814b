"""Scores of voice conversion: speaker and phone accuracy, by a classifier fitted to real recordings only."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.metrics.distance import magnitudes, mel_bank
from vqaudio.probes.codemap import MappingScore, mapping_score
from vqaudio.probes.counts import Counts, count_pairs

QUIET_DB = 30.0  # below the loudest frame: a pause
FLOOR_DB = 40.0  # below the loudest band: what is weaker is noise of the room or of a codec
NUM_BINS, NUM_BANDS, NUM_COEFFICIENTS = 512, 32, 20


class Version(NamedTuple):
    """A version of an utterance.  source: who said it; target: whose voice it shall have, or might have had.

    samples: `n` · codes: `t`, of these samples · phones: `t`, of the original, None for one that is not labelled.
    """

    source: str
    target: str
    samples: NDArray[np.floating]
    codes: NDArray[np.integer]
    phones: NDArray[np.integer] | None


@dataclass(frozen=True)
class ConversionRow:
    """Conversion scores: shares of utterances that are taken for their source and their target, and phone accuracy."""

    name: str
    num_utterances: int
    taken_for_source: float
    taken_for_target: float
    mapping: MappingScore


def voice_vector(samples: NDArray[np.floating], grid: FrameGrid) -> NDArray[np.float64]:
    """Compute the long-term average spectrum: 20 cepstral coefficients of the mean power of all frames but pauses.

    The level says nothing.  Deviations over time, as of MFCC, would separate recordings as well, but decoded speech
    from recorded speech best of all: a decoder's spectra are smoother, and all of them, even those decoded in the voice
    that they have, would be taken for the same few speakers.
    """
    from scipy.fft import dct

    power = magnitudes(samples, NUM_BINS, NUM_BINS // 3, NUM_BINS).astype(np.float64) ** 2
    loudness = power.sum(axis=1)
    mean = power[loudness >= loudness.max() * 10 ** (-QUIET_DB / 10)].mean(axis=0)
    bands = 10 * np.log10(mean @ mel_bank(grid.sample_rate_hz, NUM_BINS, NUM_BANDS).T + 1e-12)
    bands = np.maximum(bands, bands.max() - FLOOR_DB)
    return np.asarray(dct(bands, norm="ortho"))[1 : NUM_COEFFICIENTS + 1]


class VoiceClassifier:
    """A classifier by logistic regression from voice vectors to speakers."""

    def __init__(self, recordings: Sequence[NDArray[np.floating]], speakers: Sequence[str], grid: FrameGrid) -> None:
        """Fit the classifier.  recordings: `n` each, real ones.  Raises VqaudioError for fewer than two speakers."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(set(speakers)) < 2:
            raise VqaudioError(f"a classifier of voices needs recordings of two speakers, got {sorted(set(speakers))}")
        self.grid = grid
        self.model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self.model.fit(np.stack([voice_vector(samples, grid) for samples in recordings]), list(speakers))

    def name(self, samples: NDArray[np.floating]) -> str:
        """Name the most likely speaker."""
        return str(self.model.predict(voice_vector(samples, self.grid)[None])[0])


def score_versions(
    name: str, versions: Sequence[Version], classifier: VoiceClassifier, fitted: Counts
) -> ConversionRow:
    """Score versions for one row of the table.  fitted: `v p` of real speech, from which each code is read as a phone.

    Raises VqaudioError if no version is labelled.
    """
    taken = [classifier.name(version.samples) for version in versions]
    tested = np.zeros_like(fitted)
    for version in versions:
        if version.phones is not None:
            tested += count_pairs(version.codes, version.phones, *fitted.shape)
    return ConversionRow(
        name,
        len(versions),
        float(np.mean([who == version.source for who, version in zip(taken, versions, strict=True)])),
        float(np.mean([who == version.target for who, version in zip(taken, versions, strict=True)])),
        mapping_score(fitted, tested),
    )


def other_speakers(speakers: Sequence[str]) -> list[str]:
    """Choose for every utterance's speaker another one of them: the one who was least often chosen, the next in order.

    >>> other_speakers(["a", "a", "b", "c"])
    ['b', 'c', 'a', 'a']
    """
    names = sorted(set(speakers))
    if len(names) < 2:
        raise VqaudioError(f"a conversion needs another speaker, got only {names}")
    uses, targets = Counter[str](), []
    for speaker in speakers:
        index = names.index(speaker)
        targets.append(min(names[index + 1 :] + names[:index], key=uses.__getitem__))
        uses[targets[-1]] += 1
    return targets
