"""The output folder of a decoding run: one wav file for each row, and a record of what they were made from."""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vqaudio.audio.files import audio_info
from vqaudio.core.durable import make_folder, remove_temporaries, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.locking import locked
from vqaudio.core.plain_files import parse_json

RECORD = "decode.json"


@contextmanager
def decoded_folder(folder: Path, paths: Collection[Path], origin: Mapping[str, Any], mode: str) -> Iterator[None]:
    """Make the folder ready for a run, and hold it against a second one until the block ends.

    paths: the files that the run writes.  origin: all that their sound depends on, as JSON values; kept in RECORD.
    mode: "resume" goes on with a run of the same origin, "overwrite" removes the files that are there.
    What a killed run left half done is removed.
    Raises VqaudioError if the folder cannot be written, another run writes it, or its files have another origin.
    """
    make_folder(folder)
    with locked(folder, f"another run is decoding into {folder}; wait for its end or choose another --out"):
        try:
            for parent in {folder, *(path.parent for path in paths)}:
                remove_temporaries(parent)
            if mode == "resume":
                _require_same(folder, paths, origin)
            elif mode == "overwrite":
                for path in paths:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise VqaudioError(f"{error.filename or folder} cannot be removed: {error.strerror or error}") from None
        text = json.dumps(origin, indent=2) + "\n"
        replace_durably(folder / RECORD, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        yield


def is_whole(path: Path, num_samples: int) -> bool:
    """Return whether a sound file is there and has this many samples."""
    try:
        return path.is_file() and audio_info(path).num_samples == num_samples
    except VqaudioError:
        return False


def _require_same(folder: Path, paths: Collection[Path], origin: Mapping[str, Any]) -> None:
    """Check that the files that are there have this origin.  Raises VqaudioError that says what differs."""
    try:
        before = parse_json((folder / RECORD).read_text(encoding="utf-8"))
        differing = sorted(name for name in {*before, *origin} if before.get(name) != origin.get(name))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        if any(path.exists() for path in paths):
            raise VqaudioError(
                f"{folder / RECORD} does not say what the files there were made from ({error}); choose another --out, "
                "or --overwrite in place of --resume"
            ) from None
        return
    if differing:
        raise VqaudioError(
            f"the files in {folder} come from another {', '.join(differing)} (see {RECORD} there); give what they were "
            "made with, choose another --out, or --overwrite in place of --resume"
        )
