"""Probes beside the headline: speakers, ABX, linear readers; each on every kind of codes, some on vectors too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.corpus import ProbeCorpus
from vqaudio.probes.abx import AbxScore, abx_score, item_frames
from vqaudio.probes.counts import UNLABELLED
from vqaudio.probes.frames import LabelledFrames
from vqaudio.probes.items import Item, items_of
from vqaudio.probes.leakage import SpeakerLeakage, speaker_leakage
from vqaudio.probes.linear import LinearOptions, LinearScore, linear_probe
from vqaudio.probes.splits import Split

WINDOW_FRAMES = 5  # on either side, of the windowed linear probe
Values = Mapping[str, NDArray]  # name -> codes `n` or vectors `n d` of all frames


@dataclass(frozen=True)
class Extras:
    """What was measured -> its score.  notes: what could not be measured and why."""

    leakage: Mapping[str, SpeakerLeakage]
    abx: Mapping[str, AbxScore]
    linear: Mapping[str, LinearScore]
    notes: tuple[str, ...]


def measure_extras(
    corpus: ProbeCorpus,
    codes: Mapping[str, LabelledFrames],
    vectors: Values,
    split: Split,
    names: frozenset[str],
    seed: int,
) -> Extras:
    """Those of leakage, abx and linear that stand in `names`."""
    notes: list[str] = []
    values = {**{name: one.codes for name, one in codes.items()}, **vectors}
    return Extras(
        leakage_scores(codes, notes, seed) if "leakage" in names else {},
        abx_scores(corpus, values, notes) if "abx" in names else {},
        linear_scores(corpus.frames, values, split, notes, seed) if "linear" in names else {},
        tuple(notes),
    )


def leakage_scores(codes: Mapping[str, LabelledFrames], notes: list[str], seed: int = 0) -> dict[str, SpeakerLeakage]:
    """Of every kind of codes; why it cannot be becomes a note."""
    try:
        return {
            name: speaker_leakage(one.codes_by_utterance(), one.speakers, one.num_codes, seed=seed)
            for name, one in codes.items()
        }
    except VqaudioError as error:
        notes.append(f"no speaker leakage: {error}")
        return {}


def abx_items(corpus: ProbeCorpus) -> list[Item]:
    """Every phone between two phones, in the order of the utterances; `file` is the id."""
    silence = corpus.frames.labels.silence
    return [
        item
        for row_id, speaker in zip(corpus.frames.ids, corpus.frames.speakers, strict=True)
        for item in items_of(row_id, speaker, corpus.intervals[row_id], silence)
    ]


def abx_scores(corpus: ProbeCorpus, values: Values, notes: list[str]) -> dict[str, AbxScore]:
    """Within and across speakers, of every kind of codes and vectors."""
    frames = corpus.frames
    lengths = dict(zip(frames.ids, np.diff(frames.starts).tolist(), strict=True))
    # An aligner's last phone may lie in the last frame's rounding: what begins there has no frame.
    items = [item for item in abx_items(corpus) if item.onset_s * frames.frame_rate_hz + 1 < lengths[item.file]]
    found: dict[str, AbxScore] = {}
    for name, flat in values.items():
        parts = dict(zip(frames.ids, np.split(flat, frames.starts[1:-1]), strict=True))
        tokens = [item_frames(parts[item.file], item, corpus.grid) for item in items]
        for is_across, condition in ((False, "within"), (True, "across")):
            try:
                found[f"{name}, {condition} speakers"] = abx_score(tokens, items, is_across=is_across)
            except VqaudioError as error:
                notes.append(f"no ABX of {name} {condition} speakers: {error}")
    return found


def linear_scores(
    frames: LabelledFrames, values: Values, split: Split, notes: list[str], seed: int = 0
) -> dict[str, LinearScore]:
    """Of every kind of codes and vectors, alone and with their neighbours; of folds the first is tested."""
    groups = split.groups[frames.utterance_of_frame]
    phones = np.where(groups < 0, UNLABELLED, frames.phones)
    is_tested = groups == (split.tested or (0,))[0]
    found = {}
    for name, flat in values.items():
        for radius in (0, WINDOW_FRAMES):
            window = "1 frame" if not radius else f"{2 * radius + 1} frames"
            options = LinearOptions(radius_frames=radius, seed=seed)
            try:
                found[f"{name}, {window}"] = linear_probe(flat, phones, frames.starts, is_tested, options)
            except VqaudioError as error:
                notes.append(f"no linear probe of {name}: {error}")
    return found


def utterance_lengths(frames: LabelledFrames) -> Sequence[int]:
    """Frames of each utterance."""
    return np.diff(frames.starts).tolist()
