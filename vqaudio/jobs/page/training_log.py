"""The curves of a training run: `log.jsonl`, one JSON object a line."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json

EVENTS = ("train", "eval")
LEARNING_RATE = "learning_rate"
# On other axes than losses.
NOT_CURVES = frozenset({"step", "steps_per_s", "skipped", "waiting", "peak_memory_mb", LEARNING_RATE, "gradient_norm"})

Curve = dict[int, float]  # step -> value, in order of steps


@dataclass(frozen=True)
class TrainingLog:
    """curves: event ("train", "eval") -> name -> values.  num_broken: lines that are no JSON object with a step."""

    curves: dict[str, dict[str, Curve]]
    num_broken: int
    learning_rate: Curve = field(default_factory=dict)


def read_training_log(path: Path) -> TrainingLog:
    """Read every number that was logged, the last one where a resumed run passed a step again.

    Raises VqaudioError if the file cannot be read or holds no `train` and no `eval` line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise VqaudioError(f"the training log {path} cannot be read: {error}") from error
    logged: dict[str, dict[str, Curve]] = {event: {} for event in EVENTS}
    learning_rate: Curve = {}
    num_broken = 0
    for line in filter(str.strip, lines):
        try:
            entry = parse_json(line)
            step, event = int(entry["step"]), entry.get("event")
        except (ValueError, KeyError, TypeError, AttributeError):
            num_broken += 1
            continue
        for name, value in entry.items() if event in EVENTS else ():
            if name == LEARNING_RATE and event == "train" and isinstance(value, (int, float)):
                learning_rate[step] = float(value)
            if name not in NOT_CURVES and isinstance(value, (int, float)) and math.isfinite(value):
                logged[event].setdefault(name, {})[step] = float(value)
    curves = {
        event: {name: dict(sorted(curve.items())) for name, curve in names.items()}
        for event, names in logged.items()
        if names
    }
    if not curves:
        raise VqaudioError(f'{path} holds no line with "event": "train" or "eval"; wanted log.jsonl of a training')
    return TrainingLog(curves, num_broken, dict(sorted(learning_rate.items())))
