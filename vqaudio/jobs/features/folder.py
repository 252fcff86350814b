"""Folders of features: an .npy `t d` for each recording, and features.json, which says where they stand in time."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vqaudio.core.durable import make_folder, remove_temporaries, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.core.npy import read_npy
from vqaudio.core.plain_files import parse_json, require_format
from vqaudio.jobs.features.vectors import FeatureFacts, Vectors
from vqaudio.jobs.naming import output_names
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import Outcome
from vqaudio.tokens.failures import FailureLog

RECORD = "features.json"
SUFFIX = ".npy"
FORMAT_VERSION = 1


class FeatureFolder:
    """The output folder of a run.

    mode: "new" refuses a folder of features, "resume" goes on with one of the same facts, "overwrite" removes all that
    it holds first: what is there is always of the facts in features.json.
    Raises VqaudioError by the mode, if the folder cannot be written, or if another run writes it.
    """

    def __init__(self, folder: Path, facts: FeatureFacts, sources: Sequence[Source], mode: str) -> None:
        self.folder = folder
        names = output_names([source.id for source in sources], SUFFIX)
        self._paths = {row_id: folder / name for row_id, name in names.items()}
        holds_features = (folder / RECORD).exists()
        if holds_features and mode == "new":
            raise VqaudioError(f"{folder} holds features; --resume goes on with them, --overwrite replaces them")
        if holds_features and mode == "resume":
            _require_same(folder, facts)
        make_folder(folder)
        self._failures = FailureLog(folder, is_fresh=mode != "resume")  # the lock
        try:
            for place in {folder, *(path.parent for path in self._paths.values())}:
                remove_temporaries(place)
            if holds_features and mode == "overwrite":
                _remove_features(folder)
            is_done = _is_whole if holds_features and mode == "resume" else lambda path: False
            self.todo = [source for source in sources if not is_done(self._paths[source.id])]
            self.num_before = len(sources) - len(self.todo)
            for row_id in {source.id for source in sources} - {source.id for source in self.todo}:
                self._failures.discard(row_id)
            text = json.dumps(facts_to_json(facts), indent=2) + "\n"
            replace_durably(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))
        except BaseException:
            self._failures.close()
            raise

    def write(self, source: Source, vectors: Vectors) -> None:
        """Write the vectors of a recording, whole or not at all."""
        path = self._paths[source.id]
        make_folder(path.parent)
        replace_durably(path, lambda temporary: _save(temporary, vectors))

    def finish(self, outcome: Outcome) -> None:
        """Note a failure, or forget an earlier one."""
        if outcome.codes is None:
            self._failures.add({"id": outcome.source.id, "reason": outcome.reason or ""})
        else:
            self._failures.discard(outcome.source.id)

    def __enter__(self) -> "FeatureFolder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._failures.close()


def _remove_features(folder: Path) -> None:
    """Remove features.json, then the .npy files: what a kill leaves here, no later run takes for its own."""
    (folder / RECORD).unlink()
    for path in folder.rglob(f"*{SUFFIX}"):
        path.unlink()


def facts_to_json(facts: FeatureFacts) -> dict[str, Any]:
    """Convert facts to the contents of features.json."""
    known = {name: value for name, value in vars(facts).items() if name != "made_by"}
    return {
        "format_version": FORMAT_VERSION,
        "frame_rate_hz": facts.frame_rate_hz,
        **known,
        "made_by": dict(facts.made_by),
    }


def read_facts(folder: Path) -> FeatureFacts | None:
    """Read the features.json of a folder, None where there is none.  Raises VqaudioError if it is damaged."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        require_format(content["format_version"], FORMAT_VERSION, path)
        rate_hz, hop, centre_s = (content[name] for name in ("sample_rate_hz", "hop_samples", "first_centre_s"))
        facts = FeatureFacts(int(rate_hz), int(hop), float(centre_s), dict(content["made_by"]))
        if not 0 <= facts.first_centre_s <= 10 or facts.frame_rate_hz <= 0:
            raise ValueError(f"first_centre_s is {facts.first_centre_s}, wanted seconds")
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise VqaudioError(f"{path} is not what `vqaudio features` writes ({type(error).__name__}: {error})") from None
    return facts


def feature_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """List the .npy files below a folder, sorted, each with its path there without the suffix.

    Raises VqaudioError if there is none.
    """
    paths = sorted(folder.rglob(f"*{SUFFIX}"))
    if not paths:
        raise VqaudioError(f"there is no {SUFFIX} below {folder}; `vqaudio features` writes them")
    for path in paths:
        yield path.relative_to(folder).with_suffix("").as_posix(), path


def read_vectors(path: Path) -> Vectors:
    """Read the vectors `t d` of a recording from .npy, or from .safetensors with one tensor; float32.

    Raises VqaudioError for a file that cannot be read or holds anything else; pickles are never read.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
            if len(tensors) != 1:
                raise ValueError(f"it holds {len(tensors)} tensors, wanted one")
            (found,) = tensors.values()
        else:
            found = read_npy(path)
    except (OSError, ValueError, SafetensorError) as error:
        raise VqaudioError(f"{path} cannot be read as features: {str(error).splitlines()[0]}") from None
    if found.ndim != 2 or not np.issubdtype(found.dtype, np.floating) or not np.isfinite(found).all():
        raise VqaudioError(f"{path} holds {found.dtype} of shape {found.shape}; wanted finite floats, frames x width")
    return np.array(found, dtype=np.float32, order="C")


def _save(path: Path, vectors: Vectors) -> None:
    with open(path, "wb") as file:
        np.save(file, np.ascontiguousarray(vectors, dtype=np.float32), allow_pickle=False)


def _is_whole(path: Path) -> bool:
    """Return whether a file is there as `_save` leaves it; its numbers are not read."""
    try:
        found = read_npy(path)
    except (OSError, ValueError):
        return False
    return found.ndim == 2 and found.dtype == np.float32


def _require_same(folder: Path, facts: FeatureFacts) -> None:
    before = read_facts(folder)
    if before is not None and facts_to_json(before) != facts_to_json(facts):
        raise VqaudioError(
            f"{folder} holds features of {before.made_by.get('name')} ({before.made_by.get('kind')}), or of other "
            f"weights, not of {facts.made_by.get('name')} ({facts.made_by.get('kind')}); choose another --out, or "
            "--overwrite"
        )
