"""Whose voice a conversion has, and what is left of its phones: by a classifier that knows real recordings only."""

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
    """One version of an utterance.  source: who said it; target: whose voice it shall have, or might have had.

    samples: `n` · codes: `t`, of these samples · phones: `t`, of the original, None for one that is not labelled.
    """

    source: str
    target: str
    samples: NDArray[np.floating]
    codes: NDArray[np.integer]
    phones: NDArray[np.integer] | None


@dataclass(frozen=True)
class ConversionRow:
    """Shares of the utterances that are taken for their source and for their target, and the phones of their codes."""

    name: str
    num_utterances: int
    taken_for_source: float
    taken_for_target: float
    mapping: MappingScore


def voice_vector(samples: NDArray[np.floating], grid: FrameGrid) -> NDArray[np.float64]:
    """The long-term average spectrum: 20 cepstral coefficients of the mean power of the frames that are no pauses.

    The level says nothing.  Deviations over time, as of MFCC, would tell recordings apart as well, but decoded speech
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
    """Logistic regression from voice vectors to speakers."""

    def __init__(self, recordings: Sequence[NDArray[np.floating]], speakers: Sequence[str], grid: FrameGrid) -> None:
        """recordings: `n` each, real ones.  Raises VqaudioError for fewer than two speakers."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if len(set(speakers)) < 2:
            raise VqaudioError(f"a classifier of voices needs recordings of two speakers, got {sorted(set(speakers))}")
        self.grid = grid
        self.model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        self.model.fit(np.stack([voice_vector(one, grid) for one in recordings]), list(speakers))

    def name(self, samples: NDArray[np.floating]) -> str:
        """Who of the speakers it is most likely."""
        return str(self.model.predict(voice_vector(samples, self.grid)[None])[0])


def score_versions(
    name: str, versions: Sequence[Version], classifier: VoiceClassifier, fitted: Counts
) -> ConversionRow:
    """One row of the table.  fitted: `v p` of real speech, from which each code is read as a phone.

    Raises VqaudioError if no version is labelled.
    """
    taken = [classifier.name(one.samples) for one in versions]
    tested = np.zeros_like(fitted)
    for one in versions:
        if one.phones is not None:
            tested += count_pairs(one.codes, one.phones, *fitted.shape)
    return ConversionRow(
        name,
        len(versions),
        float(np.mean([who == one.source for who, one in zip(taken, versions, strict=True)])),
        float(np.mean([who == one.target for who, one in zip(taken, versions, strict=True)])),
        mapping_score(fitted, tested),
    )


def other_speakers(speakers: Sequence[str]) -> list[str]:
    """For every utterance's speaker another one of them: the one who was least often chosen, the next in order.

    >>> other_speakers(["a", "a", "b", "c"])
    ['b', 'c', 'a', 'a']
    """
    names = sorted(set(speakers))
    if len(names) < 2:
        raise VqaudioError(f"a conversion needs another speaker, got only {names}")
    uses, targets = Counter[str](), []
    for speaker in speakers:
        place = names.index(speaker)
        targets.append(min(names[place + 1 :] + names[:place], key=uses.__getitem__))
        uses[targets[-1]] += 1
    return targets
