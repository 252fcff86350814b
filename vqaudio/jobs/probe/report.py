"""The report of `probe`, ready for a table, JSON, or one line in fairseq's column names."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.config import from_mapping
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.jobs.probe.corpus import Coverage
from vqaudio.jobs.probe.interface import Findings
from vqaudio.jobs.probe.registry import PROBES
from vqaudio.jobs.strict_json import plain
from vqaudio.probes.durations import Bitrates, RunStatistics
from vqaudio.probes.headline import Gate, Headline
from vqaudio.probes.tables import PhoneRow
from vqaudio.tokens.schema import CodecStamp

# examples/hubert/measure_teacher_quality.py of fairseq: ref are the phones, hyp the codes.
FAIRSEQ_COLUMNS = (
    "ref pur", "hyp pur", "H(ref)", "H(hyp)", "MI", "MI/H(ref)", "ref segL", "hyp segL", "p_xy shape", "frm tot",
    "frm diff", "utt tot", "utt miss",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class ProbeReport:
    """The report of a probe.

    rows: the codes first, then every control; empty where the gate refused.

    further: probe -> its findings, for those that were asked for.
    classes: `manner`, `place` -> their rows.  notes: what could not be measured and why.
    lags: frames -> PNMI of codes read that much later.  counts: `v p`, without codes in a report that was
    read back · phone_frames: mean length of a phone.
    """

    stamp: CodecStamp
    codebook: int
    labels: tuple[str, ...]
    label_set: str
    split: str
    coverage: Coverage
    gate: Gate
    is_gate_overridden: bool
    rows: tuple[Headline, ...]
    runs: RunStatistics
    bitrates: Bitrates
    phone_frames: float
    counts: NDArray[np.int64]
    lags: Mapping[int, float] = field(default_factory=dict)
    phones: tuple[PhoneRow, ...] = ()
    classes: Mapping[str, tuple[PhoneRow, ...]] = field(default_factory=dict)
    further: Mapping[str, Findings] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def row(self, name: str) -> Headline:
        """Return the row of that name; KeyError if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    @property
    def is_refused(self) -> bool:
        """Whether the gate refused the headline: too few frames for so many codes."""
        return self.gate.is_refused and not self.is_gate_overridden

    def to_json(self) -> dict[str, Any]:
        """Convert to plain dicts and lists, without the table of counts; what could not be scored is null."""
        fields = {
            name: value for name, value in vars(self).items() if name not in ("counts", "stamp", "rows", "further")
        }
        fields |= {name: self.further.get(name, {}) for name in PROBES}
        gate = {**asdict(self.gate), "is_refused": self.is_refused, "is_biased": self.gate.is_biased}
        rows = {row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in self.rows}
        return plain({**fields, "codec": self.stamp.to_json(), "gate": gate, "headline": rows})

    def fairseq_line(self) -> str:
        """Format column names and values of the codes' row, tab-separated: two lines.  Empty where the gate refused."""
        if not self.rows:
            return ""
        scores, num_skipped = self.rows[0].information, self.coverage.num_skipped
        shape = tuple(int((self.counts.sum(axis=axis) > 0).sum()) for axis in (0, 1))
        decimals = (
            scores.phone_purity, scores.cluster_purity, scores.phone_entropy_nats, scores.code_entropy_nats,
            scores.mutual_information_nats, scores.pnmi, self.phone_frames, self.runs.mean_frames,
        )  # fmt: skip
        counted = (shape, self.coverage.num_frames, 0, self.coverage.num_utterances + num_skipped, num_skipped)
        values = [*(f"{value:.4f}" for value in decimals), *(str(value) for value in counted)]
        return "\t".join(FAIRSEQ_COLUMNS) + "\n" + "\t".join(values)


def read_probe_report(path: Path) -> ProbeReport:
    """Read what `vqaudio probe --out` wrote as probe.json; its table of counts is not in there.

    Raises VqaudioError for a file that cannot be read or is something else.
    """
    try:
        return _report_in(_with_nan(parse_json(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, VqaudioError) as error:
        raise VqaudioError(
            f"{path} is not what `vqaudio probe --out` writes ({type(error).__name__}: {error})"
        ) from None


def _report_in(stored: Mapping[str, Any]) -> ProbeReport:
    gate, coverage = stored["gate"], stored["coverage"]
    examples = {reason: tuple(ids) for reason, ids in coverage["examples"].items()}
    return ProbeReport(
        stamp=CodecStamp.from_json(stored["codec"]),
        codebook=stored["codebook"],
        labels=tuple(stored["labels"]),
        label_set=stored["label_set"],
        split=stored["split"],
        coverage=Coverage(**{**coverage, "examples": examples}),
        gate=Gate(gate["num_frames"], gate["num_codes"], gate["chance_pnmi"]),
        is_gate_overridden=stored["is_gate_overridden"],
        rows=tuple(from_mapping(Headline, {"name": name, **row}) for name, row in stored["headline"].items()),
        runs=RunStatistics(**stored["runs"]),
        bitrates=Bitrates(**stored["bitrates"]),
        phone_frames=stored["phone_frames"],
        counts=np.zeros((0, len(stored["labels"])), dtype=np.int64),
        lags={int(lag): value for lag, value in stored["lags"].items()},
        phones=tuple(PhoneRow(**row) for row in stored["phones"]),
        classes={kind: tuple(PhoneRow(**row) for row in rows) for kind, rows in stored["classes"].items()},
        further={name: probe.read(stored[name]) for name, probe in PROBES.items() if stored.get(name)},
        notes=tuple(stored["notes"]),
    )


def _with_nan(value: Any) -> Any:
    """Replace JSON's null by NaN."""
    if isinstance(value, dict):
        return {key: _with_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_nan(entry) for entry in value]
    return math.nan if value is None else value
