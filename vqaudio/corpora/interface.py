"""What every corpus reader yields: one stretch of speech and what is known about it."""

from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError


@dataclass(frozen=True)
class Utterance:
    """A stretch of one sound file.

    id: unique within the corpus.  path: the sound file.
    start_s, end_s: seconds from the start of the file; None means the file's own start or end.
    speaker, text: None where the corpus does not say.
    Raises VqaudioError if the stretch is empty or starts before the file.
    """

    id: str
    path: Path
    start_s: float | None = None
    end_s: float | None = None
    speaker: str | None = None
    text: str | None = None

    def __post_init__(self) -> None:
        start_s = self.start_s or 0.0
        if start_s < 0 or (self.end_s is not None and self.end_s <= start_s):
            raise VqaudioError(
                f"utterance {self.id} of {self.path} runs from {self.start_s} s to {self.end_s} s; "
                f"wanted 0 <= start < end; correct the corpus's time marks"
            )
