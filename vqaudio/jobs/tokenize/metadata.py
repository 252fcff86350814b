"""Speakers and transcripts from a CSV beside the audio."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_csv
from vqaudio.jobs.sources import Source


def with_metadata(sources: Sequence[Source], csv_path: Path) -> list[Source]:
    """Add `speaker` and `text` to the sources from a CSV with the columns path, speaker and text.

    `path` is a source's id; a source keeps what it has where a cell is empty or missing or the CSV does not name it.
    Raises VqaudioError if the CSV cannot be read, has no column `path`, or names none of the files.
    """
    with open_csv(csv_path) as reader:
        if "path" not in (reader.fieldnames or ()):
            raise VqaudioError(f"{csv_path} has the columns {reader.fieldnames}; wanted path, and speaker or text")
        rows = {row["path"]: row for row in reader}
    if not any(source.id in rows for source in sources):
        raise VqaudioError(
            f"{csv_path} names none of the {len(sources)} audio files; its column path must hold paths "
            f"relative to the folder, such as {sources[0].id}"
        )
    return [
        replace(source, speaker=row.get("speaker") or source.speaker, text=row.get("text") or source.text)
        if (row := rows.get(source.id))
        else source
        for source in sources
    ]
