"""What `probe` found, ready for a table, JSON, or one line in fairseq's column names."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.config import from_mapping
from vqaudio.core.errors import VqaudioError
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
    """rows: the codes first, then every control; empty where the gate refused.

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
        """The row of that name; KeyError if there is none."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(name)

    @property
    def is_refused(self) -> bool:
        """No headline: too few frames for so many codes."""
        return self.gate.is_refused and not self.is_gate_overridden

    def to_json(self) -> dict[str, Any]:
        """Plain dicts and lists, without the table of counts; what could not be scored is null."""
        found = {
            name: value for name, value in vars(self).items() if name not in ("counts", "stamp", "rows", "further")
        }
        found |= {name: self.further.get(name, {}) for name in PROBES}
        gate = {**asdict(self.gate), "is_refused": self.is_refused, "is_biased": self.gate.is_biased}
        rows = {row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in self.rows}
        return plain({**found, "codec": self.stamp.to_json(), "gate": gate, "headline": rows})

    def fairseq_line(self) -> str:
        """Column names and values of the codes' row, tab-separated: two lines.  Empty where the gate refused."""
        if not self.rows:
            return ""
        found, num_skipped = self.rows[0].information, self.coverage.num_skipped
        shape = tuple(int((self.counts.sum(axis=axis) > 0).sum()) for axis in (0, 1))
        decimals = (
            found.phone_purity, found.cluster_purity, found.phone_entropy_nats, found.code_entropy_nats,
            found.mutual_information_nats, found.pnmi, self.phone_frames, self.runs.mean_frames,
        )  # fmt: skip
        counted = (shape, self.coverage.num_frames, 0, self.coverage.num_utterances + num_skipped, num_skipped)
        values = [*(f"{value:.4f}" for value in decimals), *(str(value) for value in counted)]
        return "\t".join(FAIRSEQ_COLUMNS) + "\n" + "\t".join(values)


def read_probe_report(path: Path) -> ProbeReport:
    """What `vqaudio probe --out` wrote as probe.json; its table of counts is not in there.

    Raises VqaudioError for a file that cannot be read or is something else.
    """
    try:
        return _report_in(_with_nan(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, VqaudioError) as error:
        raise VqaudioError(
            f"{path} is not what `vqaudio probe --out` writes ({type(error).__name__}: {error})"
        ) from None


def _report_in(found: Mapping[str, Any]) -> ProbeReport:
    gate, coverage = found["gate"], found["coverage"]
    examples = {reason: tuple(ids) for reason, ids in coverage["examples"].items()}
    return ProbeReport(
        stamp=CodecStamp.from_json(found["codec"]),
        codebook=found["codebook"],
        labels=tuple(found["labels"]),
        label_set=found["label_set"],
        split=found["split"],
        coverage=Coverage(**{**coverage, "examples": examples}),
        gate=Gate(gate["num_frames"], gate["num_codes"], gate["chance_pnmi"]),
        is_gate_overridden=found["is_gate_overridden"],
        rows=tuple(from_mapping(Headline, {"name": name, **row}) for name, row in found["headline"].items()),
        runs=RunStatistics(**found["runs"]),
        bitrates=Bitrates(**found["bitrates"]),
        phone_frames=found["phone_frames"],
        counts=np.zeros((0, len(found["labels"])), dtype=np.int64),
        lags={int(lag): value for lag, value in found["lags"].items()},
        phones=tuple(PhoneRow(**row) for row in found["phones"]),
        classes={kind: tuple(PhoneRow(**row) for row in rows) for kind, rows in found["classes"].items()},
        further={name: probe.read(found[name]) for name, probe in PROBES.items() if found.get(name)},
        notes=tuple(found["notes"]),
    )


def _with_nan(value: Any) -> Any:
    """JSON's null is NaN again."""
    if isinstance(value, dict):
        return {key: _with_nan(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_nan(entry) for entry in value]
    return math.nan if value is None else value
