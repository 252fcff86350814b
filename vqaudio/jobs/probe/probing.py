"""Probing of a store's codes against the phones of its recordings: the headline, its controls, further probes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.corpus import ProbeCorpus, join_labels
from vqaudio.jobs.probe.given_features import GivenFeatures
from vqaudio.jobs.probe.interface import CODES, MFCC, ProbeInput
from vqaudio.jobs.probe.mfcc_control import MfccCodes, mfcc_control
from vqaudio.jobs.probe.registry import PROBES
from vqaudio.jobs.probe.report import ProbeReport
from vqaudio.jobs.stamps import stamp_of
from vqaudio.probes.counts import Counts
from vqaudio.probes.durations import bitrates, run_statistics
from vqaudio.probes.frames import LabelledFrames, Split, is_named, split_at, split_by_speaker
from vqaudio.probes.headline import Headline, code_controls, count_frames, gate, lag_pnmi, measure_headline
from vqaudio.probes.phone_classes import MANNER, PLACE, classes_of
from vqaudio.probes.tables import PhoneRow, merge_phones, phone_rows
from vqaudio.tokens.store import TokenStore

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec


@dataclass(frozen=True)
class ProbeOptions:
    """The options of a probe.

    labels: a label map, or "plain".  held_out: ids or speakers that are tested and not fitted on.

    audio: the folder the codes were made from, for the control on MFCC.  accepts_few_frames: show a headline that
    rests on fewer than 100 labelled frames for each code.  probes: names of further ones, see `registry.py`.
    num_stability: utterances that are changed in sound.  features: vectors of the recordings for probes that read some.
    """

    codebook: int = 0
    labels: str = "arpabet-39"
    tier: str = "phones"
    audio: Path | None = None
    held_out: tuple[str, ...] = ()
    num_folds: int = 5
    seed: int = 0
    accepts_few_frames: bool = False
    probes: frozenset[str] = field(default_factory=frozenset)
    num_stability: int = 20
    features: GivenFeatures | None = None


def probe(store: TokenStore, alignments: Path, options: ProbeOptions, codec: "Codec | None" = None) -> ProbeReport:
    """Measure the codes and every control.

    codec: the one that made the store, for stability and for probes of vectors; both need `audio` too.
    Raises VqaudioError if codes and labels do not meet, or for a codec that did not make the store.
    """
    corpus = join_labels(store, alignments, labels=options.labels, tier=options.tier, codebook=options.codebook)
    return probe_corpus(store, corpus, options, codec)


def probe_corpus(
    store: TokenStore, corpus: ProbeCorpus, options: ProbeOptions, codec: "Codec | None" = None
) -> ProbeReport:
    """Measure codes and labels that have been joined already."""
    if codec is not None:
        store.stamp.require_same(stamp_of(codec))
    frames, split = corpus.frames, choose_split(corpus.frames, options)
    counts = count_frames(frames)
    found_gate = gate(counts)
    is_refused = found_gate.is_refused and not options.accepts_few_frames
    codes: dict[str, LabelledFrames] = {CODES: frames}
    means: MfccCodes | None = None
    if options.audio and not is_refused:
        codes[MFCC], means = mfcc_control(frames, options.audio, corpus.grid, fitted_utterances(split), options.seed)
    by_utterance = frames.codes_by_utterance()
    given = ProbeInput(
        store.stamp,
        corpus,
        codes,
        split,
        options.codebook,
        options.seed,
        means=means,
        codec=codec,
        audio=options.audio,
        features=options.features,
        num_utterances=options.num_stability,
    )
    if not options.audio:
        given.notes.append("no control on MFCC: give --audio, the folder that the codes were made from")
    elif is_refused:
        given.notes.append("no control on MFCC: the headline was refused, and a control stands beside one")
    further = {name: probe.measure(given) for name, probe in PROBES.items() if name in options.probes}
    return ProbeReport(
        stamp=store.stamp,
        codebook=options.codebook,
        labels=frames.labels.names,
        label_set=options.labels,
        split=split.kind,
        coverage=corpus.coverage,
        gate=found_gate,
        is_gate_overridden=found_gate.is_refused and options.accepts_few_frames,
        rows=() if is_refused else headline_rows(codes, split, options.seed),
        runs=run_statistics(by_utterance, frames.frame_rate_hz),
        bitrates=bitrates(by_utterance, frames.num_codes, frames.frame_rate_hz),
        phone_frames=mean_phone_frames(frames),
        counts=counts,
        lags={} if is_refused else lag_pnmi(frames),
        phones=() if is_refused else tuple(phone_rows(counts, frames.labels.names)),
        classes={} if is_refused else class_rows(counts, frames.labels.names),
        further=further,
        notes=tuple(given.notes),
    )


def headline_rows(codes: Mapping[str, LabelledFrames], split: Split, seed: int) -> tuple[Headline, ...]:
    """Measure the headline of the codes, of the controls that know nothing of the phones, and of the other codes."""
    others = [(name, frame_codes) for name, frame_codes in codes.items() if name != CODES]
    compared = [(CODES, codes[CODES]), *code_controls(codes[CODES], seed), *others]
    return tuple(measure_headline(name, frame_codes, split) for name, frame_codes in compared)


def choose_split(frames: LabelledFrames, options: ProbeOptions) -> Split:
    """Split by the held-out list if there is one, else into folds of speakers."""
    if not options.held_out:
        return split_by_speaker(frames.speakers, options.num_folds, options.seed)
    return split_at(frames.speakers, is_named(frames.ids, frames.speakers, options.held_out))


def fitted_utterances(split: Split) -> np.ndarray:
    """Choose the utterances `u` that k-means is fitted on: all with folds, for it uses no labels."""
    return split.groups == 0 if split.is_fixed else np.ones(len(split.groups), dtype=bool)


def mean_phone_frames(frames: LabelledFrames) -> float:
    """Compute the mean length of a run of one label, in frames, as fairseq's `ref segL` counts."""
    return run_statistics(frames.with_codes(frames.phones).codes_by_utterance(), frames.frame_rate_hz).mean_frames


def class_rows(counts: Counts, names: tuple[str, ...]) -> dict[str, tuple[PhoneRow, ...]]:
    """Score phone classes by manner and by place; each code is read as its most frequent class."""
    rows = {}
    for kind, table in (("manner", MANNER), ("place", PLACE)):
        classes, numbers = classes_of(names, table)
        rows[kind] = tuple(phone_rows(merge_phones(counts, numbers, len(classes)), classes))
    return rows


def read_names(path: Path) -> tuple[str, ...]:
    """Read the lines of a list of ids or speakers.  Raises VqaudioError if it cannot be read or is empty."""
    try:
        names = tuple(line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"{path} cannot be read as a list of ids or speakers: {error}") from None
    if not names:
        raise VqaudioError(f"{path} is empty: wanted one id or speaker a line")
    return names
