"""Any alignment file by its suffix, and all alignments of a folder or a file by utterance."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.aligner_tables import read_mfa_csv, read_mfa_json
from vqaudio.corpora.alignments import read_ctm, read_phn, read_textgrid
from vqaudio.corpora.frame_label_files import read_frame_labels
from vqaudio.corpora.htk_labels import read_lab, read_mlf
from vqaudio.corpora.intervals import alignment_lines
from vqaudio.corpora.second_labels import HEADER_END, read_audacity, read_xlabel

# One utterance a file: those of phones, then those of words; the first kind that a folder has is read.
# Texts are often .txt too: Audacity's labels come last.
PHONE_SUFFIXES, WORD_SUFFIXES = (".phn", ".phones"), (".wrd", ".words")
TIER_SUFFIXES = (".textgrid", ".json", ".csv")
LAST_SUFFIXES = (".lab", ".txt")
MANY_SUFFIXES = (".ctm", ".mlf", ".tsv")  # many utterances a file

Read = Callable[[], list[Interval]]


@dataclass(frozen=True)
class AlignmentIndex:
    """readers: how to read the alignment of an utterance, by its name, which may have folders but no suffix."""

    readers: Mapping[str, Read]

    def find(self, utterance: str) -> Read | None:
        """The reader for an utterance's id, or the id without its suffix, or without its folders too; None if none is.

        Raises VqaudioError if the last names several alignments.
        """
        name = PurePosixPath(utterance)
        for key in (utterance, str(name.with_suffix("")), name.name, name.stem):
            if key in self.readers:
                return self.readers[key]
        same = [key for key in self.readers if PurePosixPath(key).name in (name.name, name.stem)]
        if len(same) > 1:
            raise VqaudioError(f"several alignments fit {utterance!r}: {', '.join(sorted(same)[:4])}; rename them")
        return self.readers[same[0]] if same else None


def read_alignment(path: str | Path, *, tier: str = "phones", sample_rate_hz: int = 16_000) -> list[Interval]:
    """The alignment of one utterance, in the format that the suffix and the content tell.

    tier: of TextGrid, MFA JSON and MFA CSV.  sample_rate_hz: of TIMIT's .phn and .wrd, which count samples.
    Raises VqaudioError for an unknown suffix, and as the format's reader does.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix in TIER_SUFFIXES:
        return {".textgrid": read_textgrid, ".json": read_mfa_json, ".csv": read_mfa_csv}[suffix](path, tier)
    if suffix in (".phn", ".wrd"):
        return read_phn(path, sample_rate_hz)
    if suffix in (".phones", ".words"):
        return read_xlabel(path)
    if suffix == ".txt":
        return read_audacity(path)
    if suffix == ".lab":
        return _read_lab(path)
    if suffix in MANY_SUFFIXES:
        raise VqaudioError(f"{path} may hold many utterances; read it with index_alignments")
    known = (*TIER_SUFFIXES, *PHONE_SUFFIXES, *WORD_SUFFIXES, *LAST_SUFFIXES, *MANY_SUFFIXES)
    raise VqaudioError(f"{path} has no suffix of an alignment that is known; known are: {', '.join(known)}")


def index_alignments(
    source: str | Path, *, tier: str = "phones", sample_rate_hz: int = 16_000, frame_rate_hz: float | None = None
) -> AlignmentIndex:
    """The alignments in a folder tree of one file for each utterance, or in one file for all of them.

    tier: "phones" or "words", or the name of a tier.  frame_rate_hz: of a .tsv of frame labels, which does not say it.
    A folder with several kinds of files is read by one: tier "words" prefers .wrd and .words, others .phn and
    .phones; then come TextGrid, JSON, CSV, .lab, .txt.
    Raises VqaudioError if there is no alignment, or a file of many utterances is damaged.
    """
    source = Path(source)
    if source.is_dir():
        read = partial(read_alignment, tier=tier, sample_rate_hz=sample_rate_hz)
        found = {name: partial(read, path) for name, path in _files(source, tier).items()}
        return AlignmentIndex(found)
    suffix = source.suffix.lower()
    if suffix not in MANY_SUFFIXES:
        read_one = partial(read_alignment, source, tier=tier, sample_rate_hz=sample_rate_hz)
        return AlignmentIndex({source.stem: read_one})
    if suffix == ".tsv":
        if frame_rate_hz is None:
            raise VqaudioError(f"{source} has a label for each frame; say at which frame_rate_hz")
        many = read_frame_labels(source, frame_rate_hz)
    else:
        many = read_ctm(source) if suffix == ".ctm" else read_mlf(source)
    return AlignmentIndex({name: partial(list, intervals) for name, intervals in many.items()})


def _read_lab(path: Path) -> list[Interval]:
    """xlabel if a line `#` ends a header; times with a decimal point are seconds; else HTK's 100 ns."""
    lines = alignment_lines(path)
    if any(fields == [HEADER_END] for _, fields in lines):
        return read_xlabel(path)
    return read_audacity(path) if lines and "." in lines[0][1][0] else read_lab(path)


def _files(root: Path, tier: str) -> dict[str, Path]:
    """Name without suffix, relative to root -> path, of the first kind of file that is there."""
    paths = [Path(folder, name) for folder, _, names in os.walk(root) for name in names]
    special = WORD_SUFFIXES if tier.lower() == "words" else PHONE_SUFFIXES if tier.lower() == "phones" else ()
    for suffix in (*special, *TIER_SUFFIXES, *LAST_SUFFIXES):
        found = {
            path.relative_to(root).with_suffix("").as_posix(): path
            for path in sorted(paths)
            if path.suffix.lower() == suffix and not path.name.startswith(".")
        }
        if found:
            return found
    raise VqaudioError(
        f"no alignments below {root}; looked for {', '.join((*special, *TIER_SUFFIXES, *LAST_SUFFIXES))}"
    )
