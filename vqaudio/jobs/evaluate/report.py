"""The report of `evaluate`: rows of means with their coverage, the codebooks' health, the files left out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.jobs.evaluate.reference_codecs import Rates, TokenizerCodec
from vqaudio.jobs.strict_json import plain
from vqaudio.metrics.bootstrap import MeanScore
from vqaudio.metrics.pair import METRICS
from vqaudio.metrics.usage import entropy_bits, perplexity, top_share, usage


class Column(NamedTuple):
    """A column of scores in a table."""

    heading: str
    digits: int


# What only a codec has stands after the metrics of pairs.
COLUMNS: Mapping[str, Column] = {
    **{name: Column(metric.heading, metric.digits) for name, metric in METRICS.items()},
    "consistency": Column("same codes", 3),
    "gain_flips": Column("gain flips", 3),
}


@dataclass(frozen=True)
class Row:
    """A row of the table: one coder at one setting.  scores: metric -> mean over the files that were asked for."""

    coder: str
    setting: str
    rates: Rates
    scores: Mapping[str, MeanScore]


@dataclass(frozen=True)
class CodebookHealth:
    """The health of one codebook over the evaluated frames.

    used, top_code: shares.  Usage grows with num_frames: read both.
    """

    codec: str
    codebook: int
    used: float
    perplexity: float
    entropy_bits: float
    top_code: float
    num_frames: int


@dataclass(frozen=True)
class Report:
    """The report of an evaluation, ready for a table or JSON.  seconds: of speech.  failures: id, coder, reason.

    not_measured: metric -> why this machine or this rate does not have it.  notes: on how coders were used.
    """

    num_files: int
    seconds: float
    sample_rate_hz: int
    rows: tuple[Row, ...]
    codebooks: tuple[CodebookHealth, ...]
    failures: tuple[Mapping[str, str], ...] = field(default=())
    not_measured: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def row(self, coder: str, setting: str) -> Row:
        """Return the row of that name; KeyError if there is none."""
        for row in self.rows:
            if (row.coder, row.setting) == (coder, setting):
                return row
        raise KeyError((coder, setting))

    @property
    def codecs(self) -> tuple[str, ...]:
        """Coders that are codecs with codebooks, whose settings make one curve; the others are anchors."""
        return tuple(dict.fromkeys(book.codec for book in self.codebooks))

    def to_json(self) -> dict[str, Any]:
        """Convert to plain dicts and lists; what could not be scored is null."""
        return plain(self)


def read_report(path: Path) -> tuple[Report, str]:
    """Read what `vqaudio evaluate --json` wrote, and the hash of the weights that it is about.

    Raises VqaudioError for a file that cannot be read or is something else.
    """
    try:
        stored = parse_json(path.read_text(encoding="utf-8"))
        rows = tuple(
            Row(row["coder"], row["setting"], Rates(**row["rates"]), {k: _score(v) for k, v in row["scores"].items()})
            for row in stored["rows"]
        )
        health = tuple(CodebookHealth(**book) for book in stored["codebooks"])
        failures, missing = tuple(stored["failures"]), stored.get("not_measured", {})
        size = (int(stored["num_files"]), float(stored["seconds"]), int(stored["sample_rate_hz"]))
        notes = tuple(map(str, stored.get("notes", ())))
        return Report(*size, rows, health, failures, missing, notes), str(stored["weights_sha256"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise VqaudioError(
            f"{path} is not what `vqaudio evaluate --json` writes ({type(error).__name__}: {error})"
        ) from error


def _score(entry: Mapping[str, Any]) -> MeanScore:
    """Read a score, JSON's null as NaN; the fill alone may be absent."""
    blanks = {name: math.nan for name in ("mean", "low", "high") if entry[name] is None}
    return MeanScore(**{**entry, **blanks})


def codebook_health(coder: TokenizerCodec) -> tuple[CodebookHealth, ...]:
    """Compute the health of every codebook, over every frame that the coder has encoded."""
    counts = coder.counts
    columns = zip(usage(counts), perplexity(counts), entropy_bits(counts), top_share(counts), strict=True)
    return tuple(
        CodebookHealth(coder.name, index, float(used), float(equal), float(bits), float(top), int(counts[index].sum()))
        for index, (used, equal, bits, top) in enumerate(columns)
    )
