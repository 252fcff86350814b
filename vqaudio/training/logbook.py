"""The log of a run: a JSON line per report, TensorBoard if it is installed, a progress bar."""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from vqaudio.core.durable import replace_durably
from vqaudio.core.plain_files import parse_json

LOG = "log.jsonl"


class Logbook:
    """A writer of `log.jsonl` (and `tensorboard/`) into a folder, with a progress bar and the time that is left.

    first_step: of the checkpoint that the run goes on from; what was logged after it will come again, and is removed.
    Only the main process should make one with is_active=True; the others keep silent ones.
    """

    def __init__(self, folder: str | Path, *, num_steps: int, first_step: int = 0, is_active: bool = True) -> None:
        self.folder, self.is_active = Path(folder), is_active
        self._start_s, self._first_step, self._num_steps = time.monotonic(), first_step, num_steps
        self._tensorboard = self._file = self._progress = None
        if not is_active:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        forget_later(self.folder / LOG, first_step)
        self._file = (self.folder / LOG).open("a", encoding="utf-8")
        self._tensorboard = _tensorboard_writer(self.folder / "tensorboard", first_step)
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
        self._print(f"{event} {step}/{self._num_steps}  {steps_per_s:.2f} steps/s  {shown}")
        if self._tensorboard is not None:
            for key, value in values.items():
                for name, number in _numbers(f"{event}/{key}", value):
                    self._tensorboard.add_scalar(name, number, step)

    @property
    def has_pictures(self) -> bool:
        """Whether `show` shows anything: TensorBoard is there, and this process keeps the log."""
        return self._tensorboard is not None

    def show(self, step: int, sounds: dict[str, NDArray[np.float32]], sample_rate_hz: int) -> None:
        """Give sounds `n` by name to TensorBoard, to hear and as pictures of their log mel spectra."""
        if self._tensorboard is None:
            return
        for name, samples in sounds.items():
            self._tensorboard.add_audio(name, samples[None], step, sample_rate=sample_rate_hz)
            self._tensorboard.add_image(name, mel_picture(samples, sample_rate_hz), step, dataformats="HW")

    def _print(self, text: str, style: str | None = None) -> None:
        # A file gets each report on one line, however long.
        self._console.print(text, style=style, highlight=False, soft_wrap=not self._console.is_terminal)

    def warn(self, step: int, message: str) -> None:
        """Write a warning to log.jsonl and the console."""
        if self._file is not None:
            self._file.write(json.dumps({"step": step, "event": "warning", "message": message}) + "\n")
            self._file.flush()
            self._print(f"warning at step {step}: {message}", style="yellow")


def forget_later(path: Path, step: int) -> None:
    """Remove the lines of a log that tell of later steps, and a last line that a kill cut off."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith(b"\n") and _step_of(line) <= step]
    if kept != lines:
        replace_durably(path, lambda temporary: temporary.write_bytes(b"".join(kept)))


def _step_of(line: bytes) -> int:
    try:
        return int(parse_json(line)["step"])
    except (ValueError, KeyError, TypeError, OverflowError):
        return 0  # not ours to remove


def mel_picture(samples: NDArray[np.float32], sample_rate_hz: int) -> NDArray[np.uint8]:
    """Draw the log mel spectrum of samples `n`, 60 dB deep: grey levels `h w`, low frequencies at the bottom."""
    import librosa

    power = librosa.feature.melspectrogram(y=samples, sr=sample_rate_hz, n_fft=512, hop_length=160, n_mels=80)
    levels = librosa.power_to_db(power, ref=1.0, amin=1e-8, top_db=None)
    return np.clip((levels[::-1] + 50) / 60 * 255, 0, 255).astype(np.uint8)


def _numbers(name: str, value: Any) -> list[tuple[str, float]]:
    """Name a number, or each of a list's by its place."""
    if isinstance(value, list):
        return [pair for place, entry in enumerate(value) for pair in _numbers(f"{name}/{place}", entry)]
    return [(name, value)] if isinstance(value, (int, float)) else []


def _tensorboard_writer(folder: Path, first_step: int) -> Any:
    """Make a SummaryWriter, or None where TensorBoard is not installed: log.jsonl holds the same numbers."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_step + 1)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return "[" + " ".join(_short(item) for item in value) + "]"
    return str(value)
