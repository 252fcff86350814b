"""The headline figures that a codec is judged by, the same for its codes and for every control."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vqaudio.probes.boundaries import BoundaryScore, boundary_score
from vqaudio.probes.codemap import MappingScore, held_out_score, without_phones
from vqaudio.probes.counts import UNLABELLED, Counts, count_pairs, count_pairs_by_group
from vqaudio.probes.frames import LabelledFrames, Split
from vqaudio.probes.information import Information, entropy, expected_mutual_information, measure_information, pnmi

REFUSED_BELOW = 100  # labelled frames for each code
BIASED_BELOW = 1000
LAGS = (-2, -1, 0, 1, 2, 3)


@dataclass(frozen=True)
class Headline:
    """The headline figures of one set of codes.

    name: whose codes.  mapping_speech: fitted and tested without the frames of silence.
    """

    name: str
    information: Information
    mapping: MappingScore
    mapping_speech: MappingScore
    boundaries: BoundaryScore


@dataclass(frozen=True)
class Gate:
    """A check of whether a headline may be shown: chance alone makes many codes over few frames look informative.

    chance_pnmi: the PNMI expected of codes of the same distribution that know nothing of the phones.
    """

    num_frames: int
    num_codes: int
    chance_pnmi: float

    @property
    def is_refused(self) -> bool:
        """Fewer than 100 labelled frames for each code."""
        return self.num_frames < REFUSED_BELOW * self.num_codes

    @property
    def is_biased(self) -> bool:
        """Fewer than 1000 labelled frames for each code: the bias stands beside the headline."""
        return self.num_frames < BIASED_BELOW * self.num_codes


def gate(counts: Counts) -> Gate:
    """Check whether there are enough frames for a headline.

    counts: `v p`; codes that never occur count, for they could.
    """
    phones = counts.sum(axis=0)
    uncertainty = entropy(phones)
    by_chance = expected_mutual_information(counts.sum(axis=1), phones)
    return Gate(int(counts.sum()), len(counts), by_chance / uncertainty if uncertainty else float("nan"))


def measure_headline(name: str, frames: LabelledFrames, split: Split) -> Headline:
    """Measure all headline figures of one row of the table.  Raises VqaudioError if no frame has a label."""
    by_group = count_by_group(frames, split)
    speech = without_phones(by_group, frames.labels.silence_numbers)
    return Headline(
        name,
        measure_information(count_frames(frames)),
        held_out_score(by_group, split.tested),
        held_out_score(speech, split.tested),
        boundary_score(frames.reference_s, frames.found_s()),
    )


def count_frames(frames: LabelledFrames) -> Counts:
    """Count the codes and phones of all labelled frames: `v p`."""
    return count_pairs(frames.codes, frames.phones, frames.num_codes, len(frames.labels.names))


def lag_pnmi(frames: LabelledFrames, lags: Sequence[int] = LAGS) -> dict[int, float]:
    """Compute the PNMI of the phone of frame t and the code of frame t + lag of the same utterance.

    Its peak says by how many frames the codes come after the sound they stand for: a causal encoder knows a phone late.
    """
    pnmi_by_lag, owner = {}, frames.utterance_of_frame
    frame_numbers = np.arange(len(owner))
    for lag in lags:
        source = np.clip(frame_numbers + lag, 0, len(owner) - 1)
        is_inside = (source == frame_numbers + lag) & (owner[source] == owner)
        phones = np.where(is_inside, frames.phones, UNLABELLED)
        counts = count_pairs(frames.codes[source], phones, frames.num_codes, len(frames.labels.names))
        pnmi_by_lag[lag] = pnmi(counts) if counts.sum() else float("nan")
    return pnmi_by_lag


def count_by_group(frames: LabelledFrames, split: Split) -> Counts:
    """Count the codes and phones of each group of a split: `g v p`."""
    groups = split.groups[frames.utterance_of_frame]
    return count_pairs_by_group(
        frames.codes,
        frames.phones,
        groups,
        num_codes=frames.num_codes,
        num_phones=len(frames.labels.names),
        num_groups=split.num_groups,
    )


def code_controls(frames: LabelledFrames, seed: int = 0) -> Sequence[tuple[str, LabelledFrames]]:
    """Make controls that know nothing of the phones.

    They are the same codes in another order, and codes drawn from their distribution.
    """
    generator = np.random.default_rng(seed)
    shares = np.bincount(frames.codes, minlength=frames.num_codes) / len(frames.codes)
    drawn = np.searchsorted(np.cumsum(shares)[:-1], generator.random(len(frames.codes)), side="right")
    return (
        ("shuffled codes", frames.with_codes(generator.permutation(frames.codes))),
        ("random codes", frames.with_codes(drawn)),
    )
