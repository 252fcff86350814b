"""Writing of foreign codes as a token store: read twice, for the stamp and for the rows, and there as a whole."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqaudio.audio.files import audio_info
from vqaudio.core.durable import TEMPORARY, make_folder, sync_folder
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.importing.formats import rows_in
from vqaudio.jobs.importing.objects import Keys
from vqaudio.jobs.importing.rows import AXES, ContentHash, FoundRow, codes_of, num_samples_of
from vqaudio.jobs.sources import find_sources
from vqaudio.jobs.tokenize.inputs import id_of_path
from vqaudio.tokens.manifest import MANIFEST
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter, refuse_store

IMPORTED = "imported:"  # begins names and hashes in stamps of codes that were made elsewhere


@dataclass(frozen=True)
class ImportOptions:
    """What the codes are.

    name: of what made them.  format: one of FORMATS, None: by the looks.  axes: of codes with two axes.
    audio: folder of the recordings, for their lengths, or None.
    """

    name: str
    grid: FrameGrid
    codebook_size: int
    format: str | None = None
    axes: str = AXES[0]
    keys: Keys = field(default_factory=Keys)
    audio: Path | None = None


@dataclass
class ImportSummary:
    """The counts of an import.

    sha256: of ids and codes.  num_cut: rows with a frame or two more or fewer than their recordings have.  num_repeats:
    codes that are the same as those before them.
    """

    num_rows: int = 0
    num_frames: int = 0
    num_codebooks: int = 0
    audio_s: float = 0.0
    num_cut: int = 0
    num_repeats: int = 0
    sha256: str = ""
    failures: list[FoundRow] = field(default_factory=list)


def require_room(out: Path, *, is_overwriting: bool = False) -> None:
    """Check that a store may be written.  Raises VqaudioError if one is there, or anything else."""
    refuse_store(out, "overwrite" if is_overwriting else "new")
    if out.exists() and not (out / MANIFEST).exists() and (not out.is_dir() or any(out.iterdir())):
        raise VqaudioError(f"{out} is there and holds no token store; choose another --out")


def survey(paths: Sequence[Path], options: ImportOptions) -> ImportSummary:
    """Read all rows of files and folders, for the counts, the hash and the failures.

    Raises VqaudioError if there is no sound row, or a file cannot be read as a whole.
    """
    content, summary = ContentHash(), ImportSummary()
    for row in _rows(paths, options, None):
        if isinstance(row, FoundRow):
            summary.failures.append(row)
            continue
        content.add(row.id, row.codes)
        summary.num_codebooks = len(row.codes)
        summary.num_rows += 1
        summary.num_frames += row.codes.shape[1]
        summary.audio_s += row.seconds
        summary.num_cut += row.num_samples != round(row.seconds * options.grid.sample_rate_hz)
        summary.num_repeats += int((row.codes[:, 1:] == row.codes[:, :-1]).sum())
    if not summary.num_rows:
        first = summary.failures[0] if summary.failures else None
        raise VqaudioError(f"no codes in {paths[0]}: " + (f"{first.place} {first.reason}" if first else "it is empty"))
    summary.sha256 = content.hexdigest()
    return summary


def stamp_for(options: ImportOptions, summary: ImportSummary) -> CodecStamp:
    """Make the stamp: name and hash say that the codes were made elsewhere, so that no codec is taken for theirs."""
    name, sha256 = IMPORTED + options.name.removeprefix(IMPORTED), IMPORTED + summary.sha256
    rate_hz, hop = options.grid.sample_rate_hz, options.grid.hop_samples
    return CodecStamp(name, sha256, rate_hz, hop, summary.num_codebooks, options.codebook_size)


def write_store(
    paths: Sequence[Path],
    out: Path,
    options: ImportOptions,
    stamp: CodecStamp,
    on_row: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Write the rows and the failures as a new store, in the place of one that is there.

    on_row: called after each row, with its seconds of audio.  Until all rows are written the store stands under another
    name.  Raises VqaudioError if it cannot be written.
    """
    place = out.absolute().with_name(f".{out.absolute().name}{TEMPORARY}")
    make_folder(place.parent)
    try:
        with TokenWriter(place, stamp, mode="overwrite") as writer:
            for found in _rows(paths, options, stamp.num_codebooks):
                if isinstance(found, FoundRow):
                    writer.fail(found.id, found.reason or "", place=found.place)
                else:
                    writer.append(found)
                    on_row(found.seconds)
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    _put(place, out)


def _rows(paths: Sequence[Path], options: ImportOptions, num_codebooks: int | None) -> Iterator[TokenRow | FoundRow]:
    """Read rows, checked; one that is broken stays as it was found, with the reason.  The same in every pass."""
    taken: dict[str, str] = {}
    recordings = _recordings(options.audio) if options.audio else {}
    for found in rows_in(paths, options.grid, options.keys, options.format):
        if found.reason is not None:
            yield _broken(found, found.reason, taken)
            continue
        try:
            found = _with_recording(found, recordings, options)
            if found.id in taken:
                raise VqaudioError(f"has the id {found.id!r}, which {taken[found.id]} has already")
            codes = codes_of(found, options.codebook_size, options.axes)
            if num_codebooks not in (None, len(codes)):
                raise VqaudioError(f"has {len(codes)} codebooks, the first row has {num_codebooks}")
            row = _row(found, codes, options.grid)
        except VqaudioError as error:
            yield _broken(found, str(error), taken)
            continue
        taken[found.id], num_codebooks = found.place, len(codes)
        yield row


def _row(found: FoundRow, codes: NDArray[np.uint16], grid: FrameGrid) -> TokenRow:
    num_samples = num_samples_of(codes.shape[1], found.num_samples, grid)
    seconds = (found.num_samples or num_samples) / grid.sample_rate_hz
    return TokenRow(found.id, codes, num_samples, grid.sample_rate_hz, seconds, found.speaker, found.text)


def _broken(found: FoundRow, reason: str, taken: dict[str, str]) -> FoundRow:
    """Name a broken row: by its place too where a sound one has its id."""
    row_id = f"{found.id} ({found.place})" if found.id in taken else found.id
    return replace(found, id=row_id, reason=reason, codes=None, durations=None)


def _with_recording(found: FoundRow, recordings: dict[str, Path], options: ImportOptions) -> FoundRow:
    """Give a row the id that its recording has, and its length.

    Raises VqaudioError if recordings are given and have none of that name.
    """
    row_id = id_of_path(found.id)
    if not row_id:
        raise VqaudioError(f"has the id {found.id!r}, which names nothing")
    if options.audio is None:
        return replace(found, id=row_id)
    path = recordings.get(row_id) or recordings.get(os.path.splitext(row_id)[0])
    if path is None:
        raise VqaudioError(f"has no recording {row_id} in {options.audio}")
    info = audio_info(path)
    num_samples = round(info.num_samples * options.grid.sample_rate_hz / info.sample_rate_hz)
    return replace(found, id=path.relative_to(options.audio).as_posix(), num_samples=num_samples)


def _recordings(audio: Path) -> dict[str, Path]:
    """List the recordings below a folder by their paths there, and without the suffix where that names one alone."""
    found = {source.id: Path(source.path) for source in find_sources(audio)}
    stems = Counter(os.path.splitext(name)[0] for name in found)
    by_stem = {stem: path for name, path in found.items() if stems[stem := os.path.splitext(name)[0]] == 1}
    return by_stem | found


def _put(place: Path, out: Path) -> None:
    """Give a whole store its name, in the place of one that is there."""
    before = place.with_name(place.name + "-before")
    try:
        shutil.rmtree(before, ignore_errors=True)
        if out.exists():
            os.replace(out, before)
        os.replace(place, out)
        sync_folder(out.absolute().parent)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        raise VqaudioError(f"{out} cannot be written: {error.strerror or error}") from None
