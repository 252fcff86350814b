"""Recordings and cuts of lhotse, as its JSON lines have them (https://lhotse.readthedocs.io, `RecordingSet`, `CutSet`).

Only what stands in one sound file as it is: what lhotse would mix, change or pick one channel of is refused, because
its codes would be those of another sound.
"""

from collections.abc import Mapping
from typing import Any

from vqaudio.core.errors import VqaudioError


def is_lhotse(entry: Mapping[str, Any]) -> bool:
    """Return whether an object is a recording (`sources`), a cut (`recording`) or a mixed cut (`tracks`) of lhotse."""
    return "path" not in entry and any(
        isinstance(entry.get(name), (list, dict)) for name in ("sources", "recording", "tracks")
    )


def row_of(entry: Mapping[str, Any], place: str) -> dict[str, Any]:
    """Convert a recording or a cut to a row of a manifest: path, id, start, duration, speaker, text.

    Speaker and text are those of a cut with one supervision.  place: where it stands, in words.
    Raises VqaudioError with it if the sound is not a part of one file as it is.
    """
    is_cut = "recording" in entry
    recording = entry["recording"] if is_cut else entry
    sources = recording.get("sources") if isinstance(recording, dict) else None
    if not isinstance(sources, list) or len(sources) != 1 or not isinstance(sources[0], dict):
        raise VqaudioError(
            f"{place} is not a lhotse recording or cut of one file; leave it out, or save its sound first"
        )
    if sources[0].get("type", "file") != "file":
        raise VqaudioError(f"{place} has its sound in a {sources[0]['type']!r}; wanted a file")
    if recording.get("transforms"):
        raise VqaudioError(f"{place} has transforms, which would change the sound; save it with them first")
    row = {"path": sources[0].get("source"), "id": entry.get("id")}
    if not is_cut:
        return row
    if _channels(entry.get("channel", 0)) != _channels(sources[0].get("channels", 0)):
        raise VqaudioError(f"{place} is one channel of several; save it as a file of its own first")
    if entry.get("start") is None or entry.get("duration") is None:
        raise VqaudioError(f"{place} is a lhotse cut without start or duration")
    row |= {"start": entry["start"], "duration": entry["duration"]}
    said = entry.get("supervisions")
    if isinstance(said, list) and len(said) == 1 and isinstance(said[0], dict):
        row |= {"speaker": said[0].get("speaker"), "text": said[0].get("text")}
    return row


def _channels(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
