"""Maps between phone sets, kept as tables in `label_maps/`: a label that a map does not have is an error."""

import csv
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval

FOLDER = Path(__file__).with_name("label_maps")
NO_PHONE = ""  # no label: its frames are not counted
# name: (table, column of the labels, column of what they become, whether labels are read in any case)
MAPS = {
    "timit-48": ("timit", "timit61", "timit48", False),
    "timit-39": ("timit", "timit61", "timit39", False),
    "timit-48-39": ("timit", "timit48", "timit39", False),
    "arpabet-39": ("arpabet", "label", "arpabet39", True),
    "ipa-arpabet": ("ipa", "ipa", "arpabet39", False),
    "arpabet-ipa": ("ipa", "arpabet39", "ipa", True),
}


@dataclass(frozen=True)
class LabelMap:
    """A map from the labels of one phone set to the classes of another.

    table: label -> class, NO_PHONE where the label is no phone.  is_upper: labels are put in capitals first.
    """

    name: str
    table: Mapping[str, str]
    is_upper: bool = False

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes that labels become, sorted, without NO_PHONE."""
        return tuple(sorted(set(self.table.values()) - {NO_PHONE}))

    def map_labels(self, labels: Iterable[str]) -> list[str]:
        """Map each label to its class; the empty label stays empty.

        Raises VqaudioError that lists every label the map does not have, and how often each came.
        """
        keys = [(label, label.upper() if self.is_upper else label) for label in labels]
        unknown = Counter(label for label, key in keys if label and key not in self.table)
        if unknown:
            listed = ", ".join(f"{label!r} ({count})" for label, count in sorted(unknown.items()))
            raise VqaudioError(
                f"the label map {self.name} does not know {listed}; take another map ({', '.join(MAPS)}) or correct "
                f"the labels"
            )
        return [self.table[key] if key else NO_PHONE for _, key in keys]

    def map_intervals(self, intervals: Iterable[Interval]) -> list[Interval]:
        """Map the labels of intervals to their classes; the times stay.

        Raises VqaudioError as `map_labels` does.
        """
        intervals = list(intervals)
        classes = self.map_labels(interval.label for interval in intervals)
        return [replace(interval, label=label) for interval, label in zip(intervals, classes, strict=True)]


@cache
def label_map(name: str) -> LabelMap:
    """Load a label map that comes with the package.

    timit-48, timit-39: TIMIT's 61 labels to Lee and Hon's 48 and 39, of which q has none.  timit-48-39: onwards.
    arpabet-39: ARPABET with or without stress digits, in any case, to the CMU dictionary's 39 phones and SIL.
    ipa-arpabet, arpabet-ipa: broad IPA to these and back; for stress digits go through arpabet-39 first.
    Raises VqaudioError for another name.
    """
    if name not in MAPS:
        raise VqaudioError(f"there is no label map {name!r}; the maps are: {', '.join(MAPS)}")
    stem, source, target, is_upper = MAPS[name]
    table: dict[str, str] = {}
    with open(FOLDER / f"{stem}.tsv", encoding="utf-8", newline="") as lines:
        kept = (line for line in lines if not line.startswith("# "))
        for row in csv.DictReader(kept, delimiter="\t", quoting=csv.QUOTE_NONE):
            if row[source]:
                table.setdefault(row[source], row[target])  # the first of several is how it is written
    return LabelMap(name, table, is_upper)
