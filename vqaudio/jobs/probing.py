"""Codes of a store beside the phones of its recordings: the headline, its controls, and what else was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.mfcc_control import mfcc_control
from vqaudio.jobs.probe_corpus import ProbeCorpus, join_labels
from vqaudio.jobs.probe_report import ProbeReport
from vqaudio.probes.abx import AbxScore, abx_score, item_frames
from vqaudio.probes.counts import UNLABELLED, Counts
from vqaudio.probes.durations import bitrates, run_statistics
from vqaudio.probes.frames import LabelledFrames
from vqaudio.probes.headline import Headline, code_controls, count_frames, gate, measure_headline
from vqaudio.probes.items import Item, items_of
from vqaudio.probes.leakage import SpeakerLeakage, speaker_leakage
from vqaudio.probes.linear import LinearOptions, LinearScore, linear_probe
from vqaudio.probes.phone_classes import MANNER, PLACE, classes_of
from vqaudio.probes.splits import Split, is_named, split_at, split_by_speaker
from vqaudio.probes.tables import PhoneRow, merge_phones, phone_rows
from vqaudio.tokens.store import TokenStore

CODES, MFCC = "codes", "MFCC k-means"
WINDOW_FRAMES = 5  # on either side, of the windowed linear probe
Tokens = Mapping[str, LabelledFrames]
T = TypeVar("T")


@dataclass(frozen=True)
class ProbeOptions:
    """labels: a label map, or "plain".  held_out: ids or speakers that are tested and not fitted on.

    audio: the folder the codes were made from, for the control on MFCC.  accepts_few_frames: show a headline that
    rests on fewer than 100 labelled frames for each code.
    """

    codebook: int = 0
    labels: str = "arpabet-39"
    tier: str = "phones"
    audio: Path | None = None
    held_out: tuple[str, ...] = ()
    num_folds: int = 5
    seed: int = 0
    accepts_few_frames: bool = False
    probes: frozenset[str] = field(default_factory=frozenset)  # of abx, linear, leakage


def probe(store: TokenStore, alignments: Path, options: ProbeOptions) -> ProbeReport:
    """Measures the codes and every control.  Raises VqaudioError if codes and labels do not meet."""
    corpus = join_labels(store, alignments, labels=options.labels, tier=options.tier, codebook=options.codebook)
    return probe_corpus(store, corpus, options)


def probe_corpus(store: TokenStore, corpus: ProbeCorpus, options: ProbeOptions) -> ProbeReport:
    """The same on codes and labels that have been brought together already."""
    frames, split = corpus.frames, choose_split(corpus.frames, options)
    counts = count_frames(frames)
    found_gate = gate(counts)
    is_shown = not found_gate.is_refused or options.accepts_few_frames
    notes: list[str] = []
    rows: list[Headline] = []
    tokens: dict[str, LabelledFrames] = {CODES: frames}
    if is_shown:
        if options.audio:
            is_fitted = split.groups == 0 if split.is_fixed else np.ones(len(frames.ids), dtype=bool)
            tokens[MFCC] = mfcc_control(frames, options.audio, corpus.grid, is_fitted, options.seed)
        else:
            notes.append("no control on MFCC: give --audio, the folder that the codes were made from")
        compared = [(CODES, frames), *code_controls(frames, options.seed), *list(tokens.items())[1:]]
        rows = [measure_headline(name, one, split) for name, one in compared]
    codes = frames.codes_by_utterance()
    return ProbeReport(
        stamp=store.stamp,
        codebook=options.codebook,
        labels=frames.labels.names,
        label_set=options.labels,
        split=split.kind,
        coverage=corpus.coverage,
        gate=found_gate,
        is_gate_overridden=found_gate.is_refused and options.accepts_few_frames,
        rows=tuple(rows),
        runs=run_statistics(codes, frames.frame_rate_hz),
        bitrates=bitrates(codes, frames.num_codes, frames.frame_rate_hz),
        phone_frames=mean_phone_frames(frames),
        counts=counts,
        phones=tuple(phone_rows(counts, frames.labels.names)) if is_shown else (),
        classes=class_rows(counts, frames.labels.names) if is_shown else {},
        leakage=_each(tokens, options, "leakage", notes, lambda one: leakage_of(one, options.seed)),
        abx=abx_scores(corpus, tokens, options, notes),
        linear=linear_scores(tokens, split, options, notes) if is_shown else {},
        notes=tuple(notes),
    )


def choose_split(frames: LabelledFrames, options: ProbeOptions) -> Split:
    """By the held-out list if there is one, else folds of speakers."""
    if not options.held_out:
        return split_by_speaker(frames.speakers, options.num_folds, options.seed)
    return split_at(frames.speakers, is_named(frames.ids, frames.speakers, options.held_out))


def mean_phone_frames(frames: LabelledFrames) -> float:
    """Mean length of a run of one label, in frames, as fairseq's `ref segL` counts."""
    return run_statistics(frames.with_codes(frames.phones).codes_by_utterance(), frames.frame_rate_hz).mean_frames


def class_rows(counts: Counts, names: tuple[str, ...]) -> dict[str, tuple[PhoneRow, ...]]:
    """Rows of phone classes by manner and by place."""
    found = {}
    for kind, table in (("manner", MANNER), ("place", PLACE)):
        classes, numbers = classes_of(names, table)
        found[kind] = tuple(phone_rows(merge_phones(counts, numbers, len(classes)), classes))
    return found


def leakage_of(frames: LabelledFrames, seed: int) -> SpeakerLeakage:
    """Speaker leakage of one kind of codes."""
    return speaker_leakage(frames.codes_by_utterance(), frames.speakers, frames.num_codes, seed=seed)


def _each(
    tokens: Tokens, options: ProbeOptions, name: str, notes: list[str], measure: Callable[[LabelledFrames], T]
) -> dict[str, T]:
    """What `measure` finds for every kind of codes; why it cannot becomes a note."""
    if name not in options.probes:
        return {}
    try:
        return {kind: measure(one) for kind, one in tokens.items()}
    except VqaudioError as error:
        notes.append(f"no {name}: {error}")
        return {}


def abx_items(corpus: ProbeCorpus) -> list[Item]:
    """Every phone between two phones, in the order of the utterances; `file` is the id."""
    silence = corpus.frames.labels.silence
    return [
        item
        for row_id, speaker in zip(corpus.frames.ids, corpus.frames.speakers, strict=True)
        for item in items_of(row_id, speaker, corpus.intervals[row_id], silence)
    ]


def abx_scores(corpus: ProbeCorpus, tokens: Tokens, options: ProbeOptions, notes: list[str]) -> dict[str, AbxScore]:
    """Within and across speakers, for every kind of codes."""
    if "abx" not in options.probes:
        return {}
    items = abx_items(corpus)
    found: dict[str, AbxScore] = {}
    for kind, frames in tokens.items():
        codes = dict(zip(frames.ids, frames.codes_by_utterance(), strict=True))
        kept = [item for item in items if item.onset_s * frames.frame_rate_hz + 1 < len(codes[item.file])]
        parts = [item_frames(codes[item.file], item, corpus.grid) for item in kept]
        for is_across, condition in ((False, "within"), (True, "across")):
            try:
                found[f"{kind}, {condition} speakers"] = abx_score(parts, kept, is_across=is_across)
            except VqaudioError as error:
                notes.append(f"no ABX {condition} speakers: {error}")
    return found


def linear_scores(tokens: Tokens, split: Split, options: ProbeOptions, notes: list[str]) -> dict[str, LinearScore]:
    """One-hot codes, alone and with their neighbours; of folds the first is tested."""
    if "linear" not in options.probes:
        return {}
    tested = 1 if split.is_fixed else 0
    found = {}
    for kind, frames in tokens.items():
        groups = split.groups[frames.utterance_of_frame]
        phones = np.where(groups < 0, UNLABELLED, frames.phones)
        for radius in (0, WINDOW_FRAMES):
            name = f"{kind}, {2 * radius + 1} frames" if radius else f"{kind}, 1 frame"
            linear = LinearOptions(radius_frames=radius, seed=options.seed)
            try:
                found[name] = linear_probe(frames.codes, phones, frames.starts, groups == tested, linear)
            except VqaudioError as error:
                notes.append(f"no linear probe of {name}: {error}")
    return found


def read_names(path: Path) -> tuple[str, ...]:
    """The lines of a list of ids or speakers.  Raises VqaudioError if it cannot be read or is empty."""
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read as a list of ids or speakers: {error}") from None
    if not names:
        raise VqaudioError(f"{path} is empty: wanted one id or speaker a line")
    return names
