"""Manner and place of articulation of ARPABET, TIMIT and IPA labels: tables to read phones by, and to order plots by.

Vowels have their height as place.  A label that stands in no table is `other`; nothing is guessed but what an IPA mark
adds (length, syllabicity, stress) and what a diphthong begins with.
"""

# ruff: noqa: RUF001 - phonetic signs that look like others

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

OTHER = "other"
MARKS = "ːˑ:ˈˌ̩̯̃ʰʲʷ˞ˤ̥̪̬̟̠̝̞"

# In the order in which they are shown.
MANNER: dict[str, str] = {
    "vowel": "iy ih eh ae aa ah ao uh uw er ax ix axr ax-h ux i ɪ e ɛ æ a ɐ ɑ ɒ ʌ ɔ o ʊ u ʉ ɨ ə ɚ ɜ ɝ y ʏ ø œ ᵻ ɵ ɤ ɯ",
    "diphthong": "ey ay oy ow aw eɪ aɪ ɔɪ ɔø oʊ əʊ aʊ ʌʉ ɪə iə eə ʊə aɪə aʊə ɔʏ",
    "approximant": "l r w el hv ɹ r ɾ j w ɻ ʋ l ɫ əl ɥ",
    "nasal": "m n ng em en eng nx ŋ ɲ ɱ ən",
    "fricative": "f v th dh s z sh zh hh θ ð ʃ ʒ h ɦ x ç ɣ χ ʁ β ɸ ɬ",
    "affricate": "ch jh tʃ dʒ ts dz pf t͡ʃ d͡ʒ",
    "stop": "p b t d k g dx q ɡ ʔ c ɟ",
    "silence": "sil sp pau h# epi bcl dcl gcl pcl tcl kcl cl vcl",
}
PLACE: dict[str, str] = {
    "high": "iy ih uh uw ix ux i ɪ ʊ u ʉ ɨ y ʏ ᵻ ɪə iə ʊə ɯ",
    "mid": "eh er ah ax axr ax-h ey ow e ɛ ə ɚ ɜ ɝ ʌ ɔ o ø œ eɪ oʊ əʊ ʌʉ eə ɵ ɤ",
    "low": "ae aa ao ay aw oy æ a ɐ ɑ ɒ aɪ aʊ ɔɪ ɔø aɪə aʊə ɔʏ",
    "labial": "p b m em f v w pf ɱ ʋ β ɸ ɥ",
    "dental": "th dh θ ð",
    "alveolar": "t d n en s z l el r dx nx ɹ ɾ ts dz ən əl ɻ ɫ ɬ",
    "palatal": "sh zh ch jh ʃ ʒ tʃ dʒ t͡ʃ d͡ʒ j ç ɲ c ɟ",
    "velar": "k g ng eng ŋ ɡ x ɣ",
    "glottal": "hh hv q h ɦ ʔ χ ʁ",
    "silence": MANNER["silence"],
}
ARPABET_TO_IPA = {"y": "j"}  # `y` is a vowel in IPA


def classes_of(names: Sequence[str], table: Mapping[str, str]) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """Classify labels by a table.

    Returns the classes that occur among `names`, in the table's order, and the number of each name's class: `p`.

    >>> names, numbers = classes_of(["AA1", "s", "sil", "?"], MANNER)
    >>> names, numbers.tolist()
    (('vowel', 'fricative', 'silence', 'other'), [0, 1, 2, 3])
    """
    classes = [_class_of(name, table, is_arpabet(names)) for name in names]
    used = tuple(name for name in (*table, OTHER) if name in classes)
    return used, np.array([used.index(name) for name in classes], dtype=np.int64)


def phone_order(names: Sequence[str]) -> NDArray[np.int64]:
    """Sort the numbers of `names` by manner, then place, then name: `p`."""
    manners, manner = classes_of(names, MANNER)
    _, place = classes_of(names, PLACE)
    order = sorted(range(len(names)), key=lambda number: (manner[number], place[number], names[number]))
    return np.array(order, dtype=np.int64) if manners else np.zeros(0, dtype=np.int64)


def is_arpabet(names: Sequence[str]) -> bool:
    """Return whether a set of labels is ARPABET or TIMIT's, which write `iy` or `aa` as IPA does not."""
    return any(name.lower().rstrip("012") in ("iy", "ih", "aa", "ae") for name in names)


def _class_of(name: str, table: Mapping[str, str], has_arpabet: bool) -> str:
    lowered = name.lower()
    bare = lowered.rstrip("012")
    plain = "".join(sign for sign in lowered if sign not in MARKS)
    forms = [ARPABET_TO_IPA.get(bare, bare)] if has_arpabet else [name, lowered, plain, plain[:2], plain[:1]]
    class_of_member = {member: class_name for class_name, row in table.items() for member in row.split()}
    return next((class_of_member[form] for form in forms if form in class_of_member), OTHER)
