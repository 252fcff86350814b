"""Label maps: complete, without loops, and loud about what they do not know."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.alignments import read_phn
from vqaudio.corpora.alignment.labels import MAPS, NO_PHONE, label_map

SAMPLES = Path(__file__).parents[3] / "data" / "samples"
VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW"


def test_timit_has_61_labels_48_models_and_39_classes() -> None:
    to_48, to_39, onwards = label_map("timit-48"), label_map("timit-39"), label_map("timit-48-39")
    assert (len(to_48.table), len(to_48.classes), len(to_39.classes)) == (61, 48, 39)
    labels = list(to_48.table)
    assert onwards.map_labels(to_48.map_labels(labels)) == to_39.map_labels(labels)
    assert to_39.map_labels(["ax-h", "ao", "zh", "h#", "epi", "kcl", "q"]) == [
        "ah",
        "aa",
        "sh",
        "sil",
        "sil",
        "sil",
        NO_PHONE,
    ]
    assert set(to_39.classes) < set(to_48.classes)


def test_timit_merges_the_pairs_that_lee_and_hon_do_not_tell_apart() -> None:
    to_39 = label_map("timit-48-39").table
    groups: dict[str, set[str]] = {}
    for label, target in to_39.items():
        groups.setdefault(target, set()).add(label)
    merged = [group for group in groups.values() if len(group) > 1]
    assert sorted(map(sorted, merged)) == [
        ["aa", "ao"],
        ["ah", "ax"],
        ["cl", "epi", "sil", "vcl"],
        ["el", "l"],
        ["en", "n"],
        ["ih", "ix"],
        ["sh", "zh"],
    ]


def test_arpabet_drops_stress_in_any_case_and_keeps_39_phones_and_silence() -> None:
    arpabet = label_map("arpabet-39")
    assert len(arpabet.classes) == 39 + 1
    for vowel in VOWELS.split():
        assert arpabet.map_labels([vowel, f"{vowel}0", f"{vowel}1", f"{vowel}2".lower()]) == [vowel] * 4
    assert arpabet.map_labels(["sil", "sp", "spn", "", "+NSN+", "zh"]) == ["SIL", "SIL", NO_PHONE, "", NO_PHONE, "ZH"]


def test_arpabet_to_ipa_and_back_is_where_it_began() -> None:
    there, back = label_map("arpabet-ipa"), label_map("ipa-arpabet")
    phones = list(label_map("arpabet-39").classes)
    assert set(phones) == set(there.table)
    assert back.map_labels(there.map_labels(phones)) == phones
    assert there.map_labels(["DH", "AH", "CH"]) == ["ð", "ʌ", "tʃ"]


@pytest.mark.parametrize("name", MAPS)
def test_no_table_says_two_things_of_one_label(name: str) -> None:
    mapped = label_map(name)
    assert all(label == label.strip() != "" for label in mapped.table)
    if mapped.is_upper:
        assert all(label == label.upper() for label in mapped.table)


def test_every_unknown_label_is_listed_and_the_rest_is_not() -> None:
    with pytest.raises(VqaudioError, match=r"arpabet-39 does not know 'qq' \(2\), 'ʃ' \(1\); take another map"):
        label_map("arpabet-39").map_labels(["AA", "ʃ", "qq", "qq"])
    with pytest.raises(VqaudioError, match="no label map 'sampa'; the maps are: timit-48"):
        label_map("sampa")


def test_intervals_keep_their_times() -> None:
    found = label_map("timit-39").map_intervals([Interval("h#", 0.0, 0.5), Interval("ux", 0.5, 0.75)])
    assert found == [Interval("sil", 0.0, 0.5), Interval("uw", 0.5, 0.75)]


def test_the_english_samples_of_espeak_are_known_to_broad_ipa() -> None:
    known = label_map("ipa-arpabet")
    paths = [path for name in ("ada", "bruno", "clara") for path in sorted(SAMPLES.glob(f"{name}/*.phn"))]
    assert paths
    for path in paths:
        mapped = known.map_intervals(read_phn(path))
        assert {one.label for one in mapped} <= set(label_map("arpabet-39").classes)


def test_the_labels_of_real_aligners_are_known() -> None:
    from vqaudio.corpora.alignment.alignments import read_ctm, read_textgrid

    data = Path(__file__).parents[4] / "shared/data/alignments"
    if not data.is_dir():
        pytest.skip("the real alignments are not on this machine")
    known = label_map("arpabet-39")
    for path in sorted((data / "ljspeech").glob("*.TextGrid")):
        assert len(known.map_intervals(read_textgrid(path))) > 10
    for intervals in read_ctm(data / "librispeech-test-other.phones.ctm").values():
        known.map_intervals(intervals)
