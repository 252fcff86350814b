"""Lines of units: fairseq's .km beside its .tsv, GSLM's `name|17 17 3`, Kaldi's `name 17 17 3`.

Names are taken back as `vqaudio export` writes them: quoted characters, and Kaldi's speaker before `!`.
"""

from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import open_text
from vqaudio.jobs.importing.rows import FoundRow, Rows

MANIFEST_SUFFIX = ".tsv"
MARK = "!"  # between speaker and name, see vqaudio/export/formats/kaldi.py


def fairseq_rows(path: Path) -> Rows:
    """Read a .km file with a line of units for each line of the .tsv beside it, after the root.

    Raises VqaudioError if there is no .tsv, or it has another number of lines.
    """
    manifest = path.with_suffix(MANIFEST_SUFFIX)
    if not manifest.is_file():
        raise VqaudioError(f"{path} has no {manifest.name} beside it, which names its utterances")
    with open_text(path) as units, open_text(manifest) as names:
        next(names, None)  # the root of the paths
        for number, (line, named) in enumerate(zip_longest(units, names), 1):
            if line is None or named is None:
                fewer = path if line is None else manifest
                raise VqaudioError(f"{fewer} ends before line {number}: {path.name} and {manifest.name} do not belong")
            place, (name, _, length) = f"line {number} of {path}", named.rstrip("\n").partition("\t")
            if not length.strip().isdigit():
                yield FoundRow(name, place, reason=f"has no number of samples in line {number + 1} of {manifest}")
                continue
            yield FoundRow(name, place, codes=line, num_samples=int(length))


def gslm_rows(path: Path) -> Rows:
    """Read lines `name|17 17 3`."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                name, mark, units = line.rstrip("\n").rpartition("|")
                place = f"line {number} of {path}"
                reason = None if mark else "has no | between name and units"
                yield FoundRow(unquote(name) if mark else place, place, codes=units, reason=reason)


def kaldi_rows(path: Path) -> Rows:
    """Read lines `name 17 17 3`, or `speaker!name 17 17 3`."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                named, units = (*line.split(None, 1), "")[:2]
                speaker, mark, name = named.partition(MARK)
                row_id = unquote(name if mark else named)
                place = f"line {number} of {path}"
                yield FoundRow(row_id, place, codes=units, speaker=unquote(speaker) if mark else None)
