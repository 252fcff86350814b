"""What `evaluate` found: rows of means with their coverage, the codebooks' health, the files left out."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vqaudio.jobs.coders import CodecCoder, Rates
from vqaudio.metrics.bootstrap import MeanScore
from vqaudio.metrics.usage import entropy_bits, perplexity, top_share, usage


@dataclass(frozen=True)
class Row:
    """One coder at one setting.  scores: metric -> mean over the files that were asked for."""

    coder: str
    setting: str
    rates: Rates
    scores: Mapping[str, MeanScore]


@dataclass(frozen=True)
class CodebookHealth:
    """One codebook over the evaluated frames.  used, top_code: shares.  Usage grows with num_frames: read both."""

    codec: str
    codebook: int
    used: float
    perplexity: float
    entropy_bits: float
    top_code: float
    num_frames: int


@dataclass(frozen=True)
class Report:
    """Everything, ready for a table or JSON.  seconds: of speech.  failures: id, coder, reason.

    not_measured: metric -> why this machine or this rate does not have it.
    """

    num_files: int
    seconds: float
    sample_rate_hz: int
    rows: tuple[Row, ...]
    codebooks: tuple[CodebookHealth, ...]
    failures: tuple[Mapping[str, str], ...] = field(default=())
    not_measured: Mapping[str, str] = field(default_factory=dict)

    def row(self, coder: str, setting: str) -> Row:
        """The row of that name; KeyError if there is none."""
        for row in self.rows:
            if (row.coder, row.setting) == (coder, setting):
                return row
        raise KeyError((coder, setting))

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists; what could not be scored is null."""
        return _plain(asdict(self))


def codebook_health(coder: CodecCoder) -> tuple[CodebookHealth, ...]:
    """One entry per codebook, over every frame that the coder has encoded."""
    counts = coder.counts
    columns = zip(usage(counts), perplexity(counts), entropy_bits(counts), top_share(counts), strict=True)
    return tuple(
        CodebookHealth(coder.name, index, float(used), float(equal), float(bits), float(top), int(counts[index].sum()))
        for index, (used, equal, bits, top) in enumerate(columns)
    )


def _plain(value: Any) -> Any:
    """JSON has no NaN."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
