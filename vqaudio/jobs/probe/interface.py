"""The interface of a further probe: it measures codes or vectors against phones and formats its findings."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from vqaudio.jobs.probe.corpus import ProbeCorpus
from vqaudio.jobs.probe.given_features import GivenFeatures, given_vectors
from vqaudio.jobs.probe.mfcc_control import MfccCodes
from vqaudio.jobs.probe.vectors import store_vectors
from vqaudio.probes.frames import LabelledFrames, Split
from vqaudio.tokens.schema import CodecStamp

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec

CODES, MFCC, FEATURES = "codes", "MFCC k-means", "features"
Findings = Mapping[str, Any]  # what was measured -> its score


@dataclass(eq=False)
class ProbeInput:
    """The input of a probe.

    codes: every kind of codes of the same frames, by name: the store's and the control's.  means: of the control.
    codec: the one that made the store, or None.  audio: the folder of the recordings, or None.
    features: vectors of the same recordings from a folder, or None.
    notes: what could not be measured and why; a probe appends to them.
    """

    stamp: CodecStamp
    corpus: ProbeCorpus
    codes: Mapping[str, LabelledFrames]
    split: Split
    codebook: int
    seed: int
    means: MfccCodes | None = None
    codec: "Codec | None" = None
    audio: Path | None = None
    features: GivenFeatures | None = None
    num_utterances: int = 20
    notes: list[str] = field(default_factory=list)

    @cached_property
    def vectors(self) -> dict[str, NDArray]:
        """Vectors `n d` of all frames by what they are: of a codec and the recordings, and those of a folder."""
        frames, found = self.corpus.frames, dict[str, NDArray]()
        lengths = [len(codes) for codes in frames.codes_by_utterance()]
        if self.codec is not None and self.audio is not None:
            found |= store_vectors(self.codec, self.stamp, frames.ids, lengths, self.audio, self.codebook)
        if self.features is not None:
            found[FEATURES] = given_vectors(self.features, frames.ids, lengths, self.corpus.grid)
        return found

    @property
    def values(self) -> dict[str, NDArray]:
        """Codes `n` and vectors `n d` of all frames, by name."""
        return {**{name: frames.codes for name, frames in self.codes.items()}, **self.vectors}


class ProbeTable(NamedTuple):
    """The table of a probe's findings, rows of text; first: the heading of the rows' names.

    glossary: what the figures of the columns are.
    """

    first: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    glossary: Mapping[str, str] = MappingProxyType({})


class Probe(NamedTuple):
    """A further probe.

    summary: for --help.  measure: findings of its input.  read: findings from what JSON has of them.
    lines: the findings in words.  table: as a table, or None where words are enough.
    """

    name: str
    summary: str
    measure: Callable[[ProbeInput], Findings]
    read: Callable[[Mapping[str, Any]], Findings]
    lines: Callable[[Findings], Iterator[str]] = lambda findings: iter(())
    table: Callable[[Findings], ProbeTable] | None = None


def read_scores(score: type) -> Callable[[Mapping[str, Any]], Findings]:
    """Make the `read` of a probe whose findings are one score each."""
    return lambda stored: {name: score(**values) for name, values in stored.items()}


def format_share(value: float) -> str:
    """Format a share with three digits, `-` for none."""
    return "-" if math.isnan(value) else f"{value:.3f}"
