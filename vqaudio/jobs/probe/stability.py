"""Stability of codes under degradations of the sound, beside k-means codes of MFCC."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.degradations import DEGRADATIONS, Degradation
from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.segments.encoder import encode_segments
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import AudioTokenizer
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.probe.interface import CODES, MFCC, Findings, Probe, ProbeInput, ProbeTable, format_share
from vqaudio.jobs.probe.mfcc_control import MfccCodes
from vqaudio.jobs.stamps import stamp_of
from vqaudio.probes.stability import Stability, measure_stability
from vqaudio.tokens.schema import CodecStamp

GLOSSARY = {
    "flips": "share of the frames whose code is another one after the change; - where it moves the frames",
    "edits": "insertions, deletions and substitutions between the codes before and after, for each frame",
    "run edits": "the same with repeated codes counted once, for each run",
}

Encode = Callable[[NDArray[np.float32]], NDArray[np.int64]]  # samples `n` -> codes `t`


def codec_encoder(codec: AudioTokenizer, stamp: CodecStamp, codebook: int) -> Encode:
    """Make the encoder of one codebook's codes, or of segments, as the stamp says.

    Raises VqaudioError if another codec made the store.
    """
    import torch

    stamp.require_same(stamp_of(codec))
    if (segments := stamp.segments) is not None:
        assert isinstance(codec, Codec), "probes read codecs of vqaudio"
        return lambda samples: encode_segments(codec, samples, segments)[0]

    def encode(samples: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            audio_codes = codec.encode(torch.from_numpy(samples)[None, None], None, codebook + 1)
        return audio_codes[0, codebook].cpu().numpy()

    return encode


def mfcc_encoder(means: MfccCodes, grid: FrameGrid) -> Encode:
    """Make the encoder of the control's codes."""
    return lambda samples: means.encode(samples, grid)


def choose_utterances(ids: Sequence[str], number: int) -> list[str]:
    """Choose that many utterances, spread evenly over all."""
    indices = np.unique(np.linspace(0, len(ids) - 1, min(number, len(ids))).round().astype(int))
    return [ids[int(index)] for index in indices]


def stability_scores(
    encoders: Mapping[str, Encode],
    ids: Sequence[str],
    audio: Path,
    grid: FrameGrid,
    *,
    degradations: Sequence[Degradation] = DEGRADATIONS,
    seed: int = 0,
) -> dict[str, dict[str, Stability]]:
    """Score every encoder under every degradation.

    Raises VqaudioError if there is no utterance or a recording is missing.
    """
    if not ids:
        raise VqaudioError("stability needs at least one utterance")
    originals = [read_audio(audio / row_id, grid.sample_rate_hz) for row_id in ids]
    clean = {name: [encode(samples) for samples in originals] for name, encode in encoders.items()}
    scores: dict[str, dict[str, Stability]] = {}
    for degradation in degradations:
        generator = np.random.default_rng(seed)
        changed = [
            degradation.apply(original, grid.sample_rate_hz, grid.hop_samples, generator) for original in originals
        ]
        scores[degradation.name] = {
            name: measure_stability(
                clean[name], [encode(samples) for samples in changed], is_aligned=degradation.is_aligned
            )
            for name, encode in encoders.items()
        }
    return scores


def measure(given: ProbeInput) -> Findings:
    """Measure the codec and the control.  Raises VqaudioError without a codec or the recordings."""
    if given.codec is None or given.audio is None:
        raise VqaudioError("stability needs --audio and --codec: the recordings are changed and encoded again")
    encoders = {CODES: codec_encoder(given.codec, given.stamp, given.codebook)}
    if given.means is not None:
        encoders[MFCC] = mfcc_encoder(given.means, given.corpus.grid)
    ids = choose_utterances(given.corpus.frames.ids, given.num_utterances)
    return stability_scores(encoders, ids, given.audio, given.corpus.grid, seed=given.seed)


def read(stored: Mapping[str, Any]) -> Findings:
    """Read findings back: change of the sound -> whose codes -> score."""
    return {change: {kind: Stability(**score) for kind, score in scores.items()} for change, scores in stored.items()}


def table(findings: Findings) -> ProbeTable:
    """Tabulate flips and edits, the codes beside the control."""
    scores = next(iter(findings.values()))
    columns = [f"{kind}: {heading}" for kind in scores for heading in GLOSSARY]
    rows = [
        [change, *(format_share(value) for score in kinds.values() for value in _figures(score))]
        for change, kinds in findings.items()
    ]
    number = next(iter(scores.values())).num_utterances
    caption = f"shares of the frames (run edits: of the runs) of {number} utterances"
    return ProbeTable("changed sound", columns, rows, caption, GLOSSARY)


def _figures(score: Stability) -> tuple[float, float, float]:
    return score.flips, score.edit_distance, score.merged_edit_distance


PROBE = Probe("stability", "codes of changed sound", measure, read, table=table)
