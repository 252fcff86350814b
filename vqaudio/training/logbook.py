"""The log of a run: a JSON line per report, TensorBoard scalars if it is installed, a progress bar."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Logbook:
    """A writer of `log.jsonl` (and `tensorboard/`) into a folder, with a progress bar and the time that is left.

    Only the main process should make one with is_active=True; the others keep silent ones.
    """

    def __init__(self, folder: str | Path, *, num_steps: int, first_step: int = 0, is_active: bool = True) -> None:
        self.folder, self.is_active = Path(folder), is_active
        self._start_s, self._first_step, self._num_steps = time.monotonic(), first_step, num_steps
        self._tensorboard = self._file = self._progress = None
        if not is_active:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / "log.jsonl").open("a", encoding="utf-8")
        self._tensorboard = _tensorboard_writer(self.folder / "tensorboard")
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=self._console, disable=not self._console.is_terminal)
        self._task = self._progress.add_task("training", total=num_steps, completed=first_step)

    def __enter__(self) -> "Logbook":
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._file is not None:
            self._file.close()
        if self._tensorboard is not None:
            self._tensorboard.close()

    def advance(self, step: int) -> None:
        """Move the progress bar to a step."""
        if self._progress is not None:
            self._progress.update(self._task, completed=step)

    def report(self, step: int, event: str, values: dict[str, Any]) -> None:
        """Write one line to log.jsonl and the console; the numbers among the values go to TensorBoard too."""
        if self._file is None:
            return
        steps_per_s = (step - self._first_step) / max(time.monotonic() - self._start_s, 1e-9)
        line = {"step": step, "event": event, "steps_per_s": round(steps_per_s, 3), **values}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        shown = "  ".join(f"{key} {_short(value)}" for key, value in values.items())
        self._console.print(f"{event} {step}/{self._num_steps}  {steps_per_s:.2f} steps/s  {shown}", highlight=False)
        if self._tensorboard is not None:
            for key, value in values.items():
                if isinstance(value, (int, float)):
                    self._tensorboard.add_scalar(f"{event}/{key}", value, step)

    def warn(self, step: int, message: str) -> None:
        """Write a warning to log.jsonl and the console."""
        if self._file is not None:
            self._file.write(json.dumps({"step": step, "event": "warning", "message": message}) + "\n")
            self._file.flush()
            self._console.print(f"warning at step {step}: {message}", style="yellow", highlight=False)


def _tensorboard_writer(folder: Path) -> Any:
    """Make a SummaryWriter, or None where TensorBoard is not installed: log.jsonl holds the same numbers."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder))


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "[" + " ".join(_short(item) for item in value) + "]"
    return str(value)
