"""Rows whose codes are .npy files: those of a folder, and the temporal arrays of lhotse's cuts."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vqaudio.core.errors import VqaudioError
from vqaudio.core.npy import read_npy
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.importing.objects import objects_in
from vqaudio.jobs.importing.rows import FoundRow, Rows

SUFFIX = ".npy"
STORAGE = "numpy_files"  # of lhotse, `NumpyFilesWriter`; its others need lhotse itself
MAX_DRIFT = 1e-3  # of a frame's length beside hop / rate


def npy_rows(root: Path) -> Rows:
    """Read every .npy below a folder, or one file; ids are paths there, without the suffix.

    Raises VqaudioError if there is none.
    """
    paths = [root] if root.is_file() else sorted(root.rglob(f"*{SUFFIX}"))
    if not paths:
        raise VqaudioError(f"there is no {SUFFIX} below {root}")
    for path in paths:
        name = path.name if root.is_file() else path.relative_to(root).as_posix()
        yield _with_array(name.removesuffix(SUFFIX), str(path), path)


def lhotse_rows(path: Path, grid: FrameGrid, field: str | None = None) -> Rows:
    """Read the codes of lhotse's cuts or recordings, JSON lines, from a temporal array in `custom`.

    field: its name; None: the only one.  Other storage than numpy files, another frame shift, and cuts that are a part
    of what their array covers are broken rows.
    """
    for place, content in objects_in(path):
        if not isinstance(content, Mapping) or not isinstance(content.get("id"), str):
            yield FoundRow(place, place, reason="is no cut or recording of lhotse: it has no id")
            continue
        try:
            yield _row_of_cut(content, place, path.parent, grid, field)
        except VqaudioError as error:
            yield FoundRow(content["id"], place, reason=str(error))


def _row_of_cut(cut: Mapping[str, Any], place: str, folder: Path, grid: FrameGrid, field: str | None) -> FoundRow:
    custom = cut.get("custom")
    custom = custom if isinstance(custom, Mapping) else {}
    arrays = {name: value for name, value in custom.items() if isinstance(value, Mapping) and "array" in value}
    if field is None and len(arrays) > 1:
        raise VqaudioError(f"has several arrays, {', '.join(arrays)}; choose one with --codes-key")
    found = arrays.get(field) if field is not None else next(iter(arrays.values()), None)
    if found is None:
        raise VqaudioError(f"has no temporal array {field or ''} in custom, only {', '.join(custom) or 'nothing'}")
    array = found["array"]
    if not isinstance(array, Mapping) or array.get("storage_type") != STORAGE:
        kind = array.get("storage_type") if isinstance(array, Mapping) else None
        raise VqaudioError(f"has its codes in {kind!r}; wanted {STORAGE!r}: copy them with NumpyFilesWriter first")
    _check_times(cut, found, grid)
    said = cut.get("supervisions")
    said = said[0] if isinstance(said, list) and len(said) == 1 and isinstance(said[0], Mapping) else {}
    known = {name: value for name in ("speaker", "text") if isinstance(value := said.get(name), str)}
    file = Path(os.path.join(str(array.get("storage_path", "")), str(array.get("storage_key", ""))))
    if not file.is_file():  # lhotse's paths are of the folder it ran in
        file = folder / file
    duration_s = cut.get("duration")
    num_samples = round(duration_s * grid.sample_rate_hz) if isinstance(duration_s, (int, float)) else None
    is_turned = int(found.get("temporal_dim", 0)) == 0
    return _with_array(cut["id"], place, file, num_samples=num_samples, is_turned=is_turned, **known)


def _check_times(cut: Mapping[str, Any], found: Mapping[str, Any], grid: FrameGrid) -> None:
    try:
        shift_s, start_s = float(found["frame_shift"]), float(found.get("start", 0.0))
        cut_s = float(cut.get("start", 0.0))
    except (KeyError, TypeError, ValueError) as error:
        raise VqaudioError(f"has a temporal array without sound times ({error})") from None
    if not abs(shift_s * grid.frame_rate_hz - 1) < MAX_DRIFT:
        raise VqaudioError(f"has a frame every {shift_s} s, --rate and --hop say {1 / grid.frame_rate_hz:g} s")
    if abs(start_s - cut_s) > shift_s / 2:
        raise VqaudioError(f"begins at {cut_s} s and its array at {start_s} s; cut the array with lhotse first")


def _with_array(row_id: str, place: str, path: Path, *, is_turned: bool = False, **known: Any) -> FoundRow:
    """Make a row of a file.  is_turned: frames stand in its first axis."""
    try:
        codes = read_npy(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        return FoundRow(row_id, place, reason=f"{path} cannot be read: {reason}")
    return FoundRow(row_id, place, codes=codes.T if is_turned and codes.ndim == 2 else codes, **known)
