"""Sets of phone labels: what an aligner's labels are called in the report, and which of them are silence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.probes.frames import LabelSet

SILENCE = "SIL"
ARPABET = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
PAUSES = ("", "sil", "sp", "pau", "<sil>", "h#", "_", "#")
UNSCORED = (
    "spn",
    "<unk>",
    "+noise+",
    "+spn+",
    "+breath+",
    "+cough+",
    "+smack+",
    "+uh+",
    "+um+",
    "++garbage++",
    "noise",
)

# Lee and Hon 1989, "Speaker-independent phone recognition using hidden Markov models", table 1; q is not scored.
TIMIT_39 = "iy ih eh ae ah uw uh aa ey ay oy aw ow er l r w y m n ng dx jh ch z s sh hh v f dh th b p d t g k"
TIMIT_FOLDED = {
    "ao": "aa", "ax": "ah", "ax-h": "ah", "axr": "er", "hv": "hh", "ix": "ih", "el": "l", "em": "m", "en": "n",
    "nx": "n", "eng": "ng", "zh": "sh", "ux": "uw",
    **dict.fromkeys(("pcl", "tcl", "kcl", "bcl", "dcl", "gcl", "h#", "pau", "epi", "sil"), SILENCE),
}  # fmt: skip


@dataclass(frozen=True)
class LabelMap:
    """labels: lower-case label as it is found -> as it is reported, None for what is not scored.

    is_open: labels that stand nowhere keep their own names; otherwise they are an error.
    """

    labels: Mapping[str, str | None]
    has_stress: bool = False
    is_open: bool = False

    def rename(self, intervals: Sequence[Interval], unknown: Counter[str]) -> list[Interval]:
        """The intervals that are scored, under their new labels; labels that stand nowhere are counted in `unknown`."""
        kept = []
        for one in intervals:
            name = one.label.strip().lower()
            name = name.rstrip("0123456789") if self.has_stress and name not in self.labels else name
            if name not in self.labels and not self.is_open:
                unknown[one.label] += 1
                continue
            if (label := self.labels.get(name, one.label.strip())) is not None:
                kept.append(replace(one, label=label))
        return kept


def _shared() -> dict[str, str | None]:
    return {**dict.fromkeys(PAUSES, SILENCE), **dict.fromkeys(UNSCORED)}


LABEL_MAPS = {
    "arpabet39": LabelMap({**_shared(), **{name.lower(): name for name in ARPABET.split()}}, has_stress=True),
    "timit39": LabelMap(
        {**_shared(), "q": None, **{name: name for name in TIMIT_39.split()}, **TIMIT_FOLDED}, has_stress=True
    ),
    "plain": LabelMap(_shared(), is_open=True),
}


def label_map(name: str) -> LabelMap:
    """A map by its name.  Raises VqaudioError with the names there are."""
    if name not in LABEL_MAPS:
        raise VqaudioError(f"there is no set of labels {name!r}; there are {', '.join(LABEL_MAPS)}")
    return LABEL_MAPS[name]


def require_known(unknown: Counter[str], name: str) -> None:
    """Raises VqaudioError that lists the labels that stand nowhere."""
    if unknown:
        listed = ", ".join(f"{label!r} ({count})" for label, count in unknown.most_common(20))
        raise VqaudioError(
            f"{len(unknown)} labels are not in {name}: {listed}; choose another set with --labels "
            f"({', '.join(LABEL_MAPS)}; plain keeps every label as it is)"
        )


def label_set(labels: Iterable[str]) -> LabelSet:
    """The labels that occur, in alphabetical order, silence among them."""
    return LabelSet(tuple(sorted(set(labels))), frozenset([SILENCE]))
