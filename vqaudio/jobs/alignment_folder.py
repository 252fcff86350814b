"""A folder of alignments, found by the ids of a token store."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignments import read_ctm, read_phn, read_textgrid

TEXTGRID, PHN, CTM = ".textgrid", ".phn", ".ctm"


class AlignmentFolder:
    """Alignments by utterance: one TextGrid or .phn for each, or CTM files of many.

    An id finds the alignment of its own path below the folder, else the only one of its file's name; suffixes do not
    count.  Of CTM files named NAME.TIER.ctm those of `tier` are read; of an utterance that has both, the TextGrid.
    Raises VqaudioError if the folder holds no alignment.
    """

    def __init__(self, folder: Path, *, tier: str = "phones", sample_rate_hz: int = 16_000) -> None:
        if not folder.is_dir():
            raise VqaudioError(f"there is no folder of alignments {folder}")
        self.folder, self.tier, self.sample_rate_hz = folder, tier, sample_rate_hz
        self._intervals: dict[str, list[Interval]] = {}
        self._paths: dict[str, Path] = {}
        for path in sorted(folder.rglob("*")):
            kind = path.suffix.lower()
            if kind == CTM and _tier_in(path) in ("", tier.lower()):
                self._intervals.update(read_ctm(path))
            elif kind in (PHN, TEXTGRID):
                key = path.relative_to(folder).with_suffix("").as_posix()
                if kind == TEXTGRID or key not in self._paths:
                    self._paths[key] = path
        self._by_stem = Counter(PurePosixPath(key).name for key in self._paths)
        self._stem_keys = {PurePosixPath(key).name: key for key in self._paths}
        if not self._paths and not self._intervals:
            raise VqaudioError(f"{folder} holds no *.TextGrid, *.phn or *.ctm with the tier {tier!r}")

    def __len__(self) -> int:
        return len(self._paths) + len(self._intervals)

    def intervals(self, row_id: str) -> list[Interval] | None:
        """The alignment of one id, None if there is none.  Raises VqaudioError if its file cannot be right."""
        path = self._path(row_id)
        if path is None:
            keys = (row_id, _without_suffix(row_id), PurePosixPath(_without_suffix(row_id)).name)
            return next((self._intervals[key] for key in keys if key in self._intervals), None)
        if path.suffix.lower() == PHN:
            return read_phn(path, self.sample_rate_hz)
        return read_textgrid(path, self.tier)

    def _path(self, row_id: str) -> Path | None:
        key = _without_suffix(row_id)
        stem = PurePosixPath(key).name
        if key not in self._paths and self._by_stem[stem] == 1:
            key = self._stem_keys[stem]
        return self._paths.get(key)


def require_distinct_names(ids: Sequence[str], folder: AlignmentFolder) -> None:
    """Raises VqaudioError if two ids share the one alignment of their file's name: one would have a wrong one."""
    owners: dict[str, str] = {}
    for row_id in ids:
        key = _without_suffix(row_id)
        stem = PurePosixPath(key).name
        if key in folder._paths or not (folder._by_stem[stem] == 1 or stem in folder._intervals):
            continue
        if key not in folder._intervals and owners.setdefault(stem, row_id) != row_id:
            raise VqaudioError(
                f"{owners[stem]} and {row_id} would both have the alignment {stem!r} of {folder.folder}; "
                "put the alignments in the same folders as the recordings"
            )


def _without_suffix(row_id: str) -> str:
    return PurePosixPath(row_id).with_suffix("").as_posix()


def _tier_in(path: Path) -> str:
    """`words` of x.words.ctm, nothing of x.ctm."""
    name, dot, tier = path.stem.rpartition(".")
    return tier.lower() if name and dot else ""
