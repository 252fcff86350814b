"""Readers of any alignment file by its suffix, and the index of all alignments of a folder or a file by utterance."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.aligner_tables import read_mfa_csv, read_mfa_json
from vqaudio.corpora.alignment.alignments import read_ctm, read_phn, read_textgrid
from vqaudio.corpora.alignment.frame_label_files import read_frame_labels
from vqaudio.corpora.alignment.htk_labels import read_lab, read_mlf
from vqaudio.corpora.alignment.intervals import alignment_lines
from vqaudio.corpora.alignment.second_labels import HEADER_END, read_audacity, read_xlabel

# One utterance a file.
PHONE_SUFFIXES, WORD_SUFFIXES = (".phn", ".phones"), (".wrd", ".words")
TIER_SUFFIXES = (".textgrid", ".json", ".csv")
# Texts and tables are often .txt, .lab, .csv and .json too: in a folder these are read if nothing else is there.
LAST_SUFFIXES = (".json", ".csv", ".lab", ".txt")
MANY_SUFFIXES = (".ctm", ".mlf", ".tsv")  # many utterances a file

Read = Callable[[], list[Interval]]


@dataclass(frozen=True)
class AlignmentIndex:
    """The alignments of a corpus by utterance, each read when it is asked for.

    readers: how to read the alignment of an utterance, by its name, which may have folders but no suffix.
    """

    readers: Mapping[str, Read]

    def find(self, utterance: str) -> Read | None:
        """Find the reader of an utterance's alignment; None if there is no alignment.

        It is sought by the id, the id without its suffix, and without its folders too.
        Raises VqaudioError if the last names several alignments.
        """
        key = self._key(utterance)
        return None if key is None else self.readers[key]

    def check_distinct(self, utterances: Iterable[str]) -> None:
        """Check that no two utterances have the same alignment: one of them would have a wrong one.

        Raises VqaudioError that names two such utterances.
        """
        owners: dict[str, str] = {}
        for utterance in utterances:
            key = self._key(utterance)
            if key is not None and owners.setdefault(key, utterance) != utterance:
                raise VqaudioError(
                    f"{owners[key]} and {utterance} would both have the alignment {key!r}; put the alignments into the "
                    f"same folders as the recordings"
                )

    def _key(self, utterance: str) -> str | None:
        name = PurePosixPath(utterance)
        for key in (utterance, str(name.with_suffix("")), name.name, name.stem):
            if key in self.readers:
                return key
        same = self._by_name.get(name.name) or self._by_name.get(name.stem) or []
        if len(same) > 1:
            raise VqaudioError(f"several alignments fit {utterance!r}: {', '.join(sorted(same)[:4])}; rename them")
        return same[0] if same else None

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        """The keys of `readers` for each name without folders."""
        keys: dict[str, list[str]] = {}
        for key in self.readers:
            keys.setdefault(PurePosixPath(key).name, []).append(key)
        return keys


def read_alignment(path: str | Path, *, tier: str = "phones", sample_rate_hz: int = 16_000) -> list[Interval]:
    """Read the alignment of one utterance, in the format that the suffix and the content say.

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
    known = (*TIER_SUFFIXES, *PHONE_SUFFIXES, *WORD_SUFFIXES, ".lab", ".txt", *MANY_SUFFIXES)
    raise VqaudioError(f"{path} has no suffix of an alignment that is known; known are: {', '.join(known)}")


def index_alignments(
    source: str | Path, *, tier: str = "phones", sample_rate_hz: int = 16_000, frame_rate_hz: float | None = None
) -> AlignmentIndex:
    """Index the alignments in a folder tree of one file for each utterance, or in one file for all of them.

    tier: "phones" or "words", or the name of a tier.  frame_rate_hz: of a .tsv of frame labels, which does not say it.
    In a folder: TextGrid and, by tier, .phn and .phones or .wrd and .words (which win over a TextGrid of the same
    name), and of files of many utterances NAME.ctm, NAME.mlf and NAME.TIER.ctm.  Only if there are none of these:
    the first of JSON, CSV, .lab, .txt.
    Raises VqaudioError if there is no alignment, or a file of many utterances is damaged.
    """
    source = Path(source)
    if source.is_dir():
        read = partial(read_alignment, tier=tier, sample_rate_hz=sample_rate_hz)
        return AlignmentIndex(_folder_readers(source, tier, read))
    if source.suffix.lower() not in MANY_SUFFIXES:
        read_file = partial(read_alignment, source, tier=tier, sample_rate_hz=sample_rate_hz)
        return AlignmentIndex({source.stem: read_file})
    return AlignmentIndex(_many_readers(source, frame_rate_hz))


def _folder_readers(root: Path, tier: str, read: Callable[[Path], list[Interval]]) -> dict[str, Read]:
    paths = sorted(path for path in root.rglob("*") if not path.name.startswith(".") and path.is_file())
    special = {"words": WORD_SUFFIXES, "phones": PHONE_SUFFIXES}.get(tier.lower(), ())
    readers: dict[str, Read] = {}
    for path in paths:
        if path.suffix.lower() in (".ctm", ".mlf") and Path(path.stem).suffix.lower() in ("", f".{tier.lower()}"):
            readers |= _many_readers(path, None)
    # What comes later wins: a hand's labels over an aligner's.
    readers |= _one_each(root, paths, ".textgrid", read)
    for suffix in reversed(special):
        readers |= _one_each(root, paths, suffix, read)
    for suffix in LAST_SUFFIXES:
        readers = readers or _one_each(root, paths, suffix, read)
    if not readers:
        known = (*special, ".textgrid", ".ctm", ".mlf", *LAST_SUFFIXES)
        there = ", ".join(_tiers(paths))
        of_tier = f" of the tier {tier!r}; there are alignments of {there}" if there else ""
        raise VqaudioError(f"no alignments below {root}{of_tier}; looked for {', '.join(known)}")
    return readers


def _tiers(paths: Iterable[Path]) -> list[str]:
    """List the tiers that files are named after: NAME.phn, NAME.words, NAME.TIER.ctm and the like."""
    tiers = set[str]()
    for path in paths:
        suffix = path.suffix.lower()
        tiers |= {"phones"} if suffix in PHONE_SUFFIXES else {"words"} if suffix in WORD_SUFFIXES else set()
        if suffix in (".ctm", ".mlf"):
            tiers.add(Path(path.stem).suffix[1:])
    return sorted(tiers - {""})


def _one_each(root: Path, paths: list[Path], suffix: str, read: Callable[[Path], list[Interval]]) -> dict[str, Read]:
    """Return a reader for each file with this suffix, by its name without suffix, relative to root."""
    kept = (path for path in paths if path.suffix.lower() == suffix)
    return {path.relative_to(root).with_suffix("").as_posix(): partial(read, path) for path in kept}


def _many_readers(path: Path, frame_rate_hz: float | None) -> dict[str, Read]:
    suffix = path.suffix.lower()
    if suffix == ".tsv":
        if frame_rate_hz is None:
            raise VqaudioError(f"{path} has a label for each frame; say at which frame_rate_hz")
        many = read_frame_labels(path, frame_rate_hz)
    else:
        many = read_ctm(path) if suffix == ".ctm" else read_mlf(path)
    return {name: partial(list, intervals) for name, intervals in many.items()}


def _read_lab(path: Path) -> list[Interval]:
    """Read a .lab file: xlabel if a line `#` ends a header; seconds if times have a decimal point; else HTK 100 ns."""
    lines = alignment_lines(path)
    if any(fields == [HEADER_END] for _, fields in lines):
        return read_xlabel(path)
    return read_audacity(path) if lines and "." in lines[0][1][0] else read_lab(path)
