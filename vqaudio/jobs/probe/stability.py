"""The same utterances changed in sound, encoded again: which codes stay, beside k-means codes of MFCC."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.degradations import DEGRADATIONS, Degradation
from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.probe.mfcc_control import MfccCodes
from vqaudio.jobs.stamps import stamp_of
from vqaudio.probes.stability import Stability, measure_stability
from vqaudio.tokens.schema import CodecStamp

Encode = Callable[[NDArray[np.float32]], NDArray[np.int64]]  # samples `n` -> codes `t`


def codec_encoder(codec: AudioTokenizer, stamp: CodecStamp, codebook: int) -> Encode:
    """Codes of one codebook.  Raises VqaudioError if another codec made the store."""
    import torch

    stamp.require_same(stamp_of(codec))

    def encode(samples: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            audio_codes = codec.encode(torch.from_numpy(samples)[None, None], None, codebook + 1)
        return audio_codes[0, codebook].cpu().numpy()

    return encode


def mfcc_encoder(means: MfccCodes, grid: FrameGrid) -> Encode:
    """Codes of the control."""
    return lambda samples: means.encode(samples, grid)


def choose_utterances(ids: Sequence[str], number: int) -> list[str]:
    """So many of them, spread evenly over all."""
    places = np.unique(np.linspace(0, len(ids) - 1, min(number, len(ids))).round().astype(int))
    return [ids[int(place)] for place in places]


def stability_scores(
    encoders: Mapping[str, Encode],
    ids: Sequence[str],
    audio: Path,
    grid: FrameGrid,
    *,
    degradations: Sequence[Degradation] = DEGRADATIONS,
    seed: int = 0,
) -> dict[str, dict[str, Stability]]:
    """Degradation -> encoder -> score.  Raises VqaudioError if there is no utterance or a recording is missing."""
    if not ids:
        raise VqaudioError("stability needs at least one utterance")
    originals = [read_audio(audio / row_id, grid.sample_rate_hz) for row_id in ids]
    clean = {name: [encode(samples) for samples in originals] for name, encode in encoders.items()}
    scores: dict[str, dict[str, Stability]] = {}
    for degradation in degradations:
        generator = np.random.default_rng(seed)
        changed = [degradation.apply(one, grid.sample_rate_hz, grid.hop_samples, generator) for one in originals]
        scores[degradation.name] = {
            name: measure_stability(
                clean[name], [encode(samples) for samples in changed], is_aligned=degradation.is_aligned
            )
            for name, encode in encoders.items()
        }
    return scores
