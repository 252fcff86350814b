"""Tables of the phones that the codes tell apart, one by one and by class."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vqaudio.probes.codemap import fit_codemap
from vqaudio.probes.counts import Counts


@dataclass(frozen=True)
class PhoneRow:
    """The figures of one phone, or one class of phones, under the mapping of each code to its most frequent phone.

    recall: of its frames, those read as it.  precision: of the frames read as it, its own; NaN if none are.
    best_code, best_code_share: the code that most of its frames have.  num_codes: codes that stand for it.
    """

    label: str
    num_frames: int
    share: float
    recall: float
    precision: float
    best_code: int
    best_code_share: float
    num_codes: int


def phone_rows(counts: Counts, names: Sequence[str]) -> list[PhoneRow]:
    """Compute one row for every phone that occurs, in the order of the names.  counts: `v p`."""
    codemap, total = fit_codemap(counts), counts.sum()
    read_as = confusion(counts, codemap)
    is_used = counts.sum(axis=1) > 0
    rows = []
    for phone in np.flatnonzero(counts.sum(axis=0)).tolist():
        num_frames, right, claimed = counts[:, phone].sum(), read_as[phone, phone], read_as[:, phone].sum()
        rows.append(
            PhoneRow(
                names[int(phone)],
                int(num_frames),
                float(num_frames / total),
                float(right / num_frames),
                float(right / claimed) if claimed else float("nan"),
                int(counts[:, phone].argmax()),
                float(counts[:, phone].max() / num_frames),
                int(((codemap == phone) & is_used).sum()),
            )
        )
    return rows


def confusion(counts: Counts, codemap: NDArray[np.integer]) -> Counts:
    """Count frames by their phone and the phone that their code stands for: `p p`."""
    table = np.zeros((counts.shape[1], counts.shape[1]), dtype=np.int64)
    np.add.at(table.T, codemap, counts)
    return table


def merge_phones(counts: Counts, classes: NDArray[np.integer], num_classes: int) -> Counts:
    """Add up the columns of a table `... p` by class: `... num_classes`.  classes: `p`."""
    merged = np.zeros((*counts.shape[:-1], num_classes), dtype=np.int64)
    np.add.at(np.moveaxis(merged, -1, 0), classes, np.moveaxis(counts, -1, 0))
    return merged


def class_confusion(counts: Counts, classes: NDArray[np.integer], num_classes: int) -> Counts:
    """Count frames by the class of their phone and the class of the phone that their code stands for."""
    by_phone = confusion(counts, fit_codemap(counts))
    by_column = merge_phones(by_phone, classes, num_classes)
    return merge_phones(by_column.T, classes, num_classes).T
