"""The Utterance that every corpus reader yields: one segment of speech and what is known about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vqaudio.core.errors import VqaudioError


@dataclass(frozen=True)
class Utterance:
    """A segment of one sound file, with its speaker and text.

    id: unique within the corpus.  path: the sound file.
    start_s, end_s: seconds from the start of the file; None means the file's own start or end.
    speaker, text: None where the corpus does not say.
    Raises VqaudioError if the segment is empty or starts before the file.
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


def by_speaker(utterances: Iterable[Utterance], *, at_least: int = 1) -> dict[str, list[Utterance]]:
    """Group utterances by speaker, in the order of the names.

    at_least: speakers with fewer utterances are left out, as are utterances of unknown speakers.
    """
    groups: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        if utterance.speaker:
            groups.setdefault(utterance.speaker, []).append(utterance)
    return {name: groups[name] for name in sorted(groups) if len(groups[name]) >= at_least}
