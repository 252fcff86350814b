"""What is said in a page's recordings, from a CSV file or from a token store."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.metadata import with_metadata
from vqaudio.tokens.store import TokenStore

FOUND_NAME = "metadata.csv"  # is read without being named where it lies beside the recordings


def with_texts(sources: Sequence[Source], audio: Path, given: Path | None) -> tuple[list[Source], str]:
    """Add their texts to the sources; and why there are none, where a metadata.csv that nobody named has none.

    audio: the folder of the recordings.  given: a CSV with the columns path and text, or a token store.
    Raises VqaudioError if what is given cannot be read or knows none of the sources.
    """
    if given is None:
        found = audio / FOUND_NAME
        if not found.is_file():
            return list(sources), ""
        try:
            return with_metadata(sources, found), ""
        except VqaudioError as error:
            return list(sources), f"no texts: {error}"
    return (_with_rows(sources, given) if given.is_dir() else with_metadata(sources, given)), ""


def _with_rows(sources: Sequence[Source], folder: Path) -> list[Source]:
    store, told, reason = TokenStore.open(folder), list[Source](), ""
    for source in sources:
        try:
            told.append(replace(source, text=store[source.id].text or source.text))
        except VqaudioError as error:
            told.append(source)
            reason = str(error)
    if told == list(sources):
        raise VqaudioError(f"{folder} has no text of these recordings" + (f": {reason}" if reason else ""))
    return told
