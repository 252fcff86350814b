"""Tables of phones and of their classes."""
# ruff: noqa: RUF001 - phonetic signs that look like others

import numpy as np
import pytest

from vqaudio.probes.phone_classes import MANNER, PLACE, classes_of, phone_order
from vqaudio.probes.tables import class_confusion, confusion, merge_phones, phone_rows

COUNTS = np.array([[8, 2, 0], [1, 5, 0], [1, 0, 3]])  # codes x phones


def test_rows_say_what_each_phone_is_read_as() -> None:
    rows = phone_rows(COUNTS, ["a", "b", "s"])
    assert [(row.label, row.num_frames, row.num_codes, row.best_code) for row in rows] == [
        ("a", 10, 1, 0),
        ("b", 7, 1, 1),
        ("s", 3, 1, 2),
    ]
    assert [row.recall for row in rows] == pytest.approx([0.8, 5 / 7, 1.0])
    assert [row.precision for row in rows] == pytest.approx([0.8, 5 / 6, 3 / 4])
    assert [row.share for row in rows] == pytest.approx([10 / 20, 7 / 20, 3 / 20])
    assert [row.best_code_share for row in rows] == pytest.approx([0.8, 5 / 7, 1.0])
    never = phone_rows(np.vstack([COUNTS, [[0, 0, 0]] * 2]), ["a", "b", "s"])
    assert [vars(row) for row in never] == [vars(row) for row in rows]  # codes that never occur stand for nothing


def test_a_phone_no_code_stands_for_has_no_precision() -> None:
    rows = phone_rows(np.array([[5, 1, 0]]), ["a", "b", "c"])
    assert [row.label for row in rows] == ["a", "b"]
    assert np.isnan(rows[1].precision)


def test_confusion_keeps_every_frame_of_its_phone() -> None:
    table = confusion(COUNTS, np.array([0, 1, 2]))
    assert table.tolist() == [[8, 1, 1], [2, 5, 0], [0, 0, 3]]
    assert class_confusion(COUNTS, np.array([0, 0, 1]), 2).tolist() == [[16, 1], [0, 3]]
    assert merge_phones(COUNTS, np.array([1, 0, 1]), 2).tolist() == [[2, 8], [5, 1], [0, 4]]


@pytest.mark.parametrize(
    ("name", "others", "manner", "place"),
    [
        ("Y", ["IY"], "approximant", "palatal"),
        ("y", ["iː"], "vowel", "high"),
        ("AA1", ["IY0"], "vowel", "low"),
        ("aː", [], "vowel", "low"),
        ("ɔːɹ", [], "vowel", "mid"),
        ("n̩", [], "nasal", "alveolar"),
        ("tcl", ["iy"], "silence", "silence"),
        ("SIL", ["AA"], "silence", "silence"),
        ("dʒ", [], "affricate", "palatal"),
        ("+NOISE+", ["AA"], "other", "other"),
    ],
)
def test_labels_have_their_phonetic_classes(name: str, others: list[str], manner: str, place: str) -> None:
    for table, wanted in ((MANNER, manner), (PLACE, place)):
        classes, numbers = classes_of([name, *others], table)
        assert classes[numbers[0]] == wanted


def test_all_of_arpabet_has_a_class() -> None:
    listed = "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH"
    names = listed.split(" ")
    assert len(names) == 39
    for table in (MANNER, PLACE):
        assert "other" not in classes_of(names, table)[0]


def test_order_keeps_classes_together() -> None:
    names = ["T", "AA", "S", "IY", "D", "SIL"]
    assert [names[number] for number in phone_order(names)] == ["IY", "AA", "S", "D", "T", "SIL"]
