"""JSON and CSV of the Montreal Forced Aligner."""

import json
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.aligner_tables import read_mfa_csv, read_mfa_json

PHONES = [Interval("HH", 0.1, 0.2), Interval("IY1", 0.2, 0.35)]
ENTRIES = [[one.start_s, one.end_s, one.label] for one in PHONES]


def test_json_gives_the_tier_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    tiers = {
        "words": {"type": "interval", "entries": [[0.1, 0.35, "he"]]},
        "phones": {"type": "interval", "entries": ENTRIES},
    }
    path.write_text(json.dumps({"start": 0, "end": 1.0, "tiers": tiers}))
    assert read_mfa_json(path) == read_mfa_json(path, "Phones") == PHONES
    assert read_mfa_json(path, "words") == [Interval("he", 0.1, 0.35)]
    with pytest.raises(VqaudioError, match="no interval tier 'tones'; its interval tiers: words, phones"):
        read_mfa_json(path, "tones")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"tiers": []}', '{"tiers": {"phones": {"type": "interval", "entries": [[0, 1]]}}}']
)
def test_other_json_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(VqaudioError, match="is not JSON of the Montreal Forced Aligner"):
        read_mfa_json(tmp_path / "a.json")


def test_csv_gives_the_type_asked_for_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "Begin,End,Label,Type,Speaker\n0.1,0.35,he,words,s1\n0.2,0.35,IY1,phones,s1\n0.1,0.2,HH,phones,s1\n"
    )
    assert read_mfa_csv(path) == PHONES
    with pytest.raises(VqaudioError, match="no intervals of the type 'tones'; its types: phones, words"):
        read_mfa_csv(path, "tones")
    path.write_text("Begin,End,Label,Type,Speaker\n0.1,0.2s,he,words,s1\n")
    with pytest.raises(VqaudioError, match=r"no number of seconds: .*0\.2s"):
        read_mfa_csv(path, "words")
    path.write_text("path,text\na,b\n")
    with pytest.raises(VqaudioError, match="wanted the columns Begin, End, Label, Type"):
        read_mfa_csv(path)


def test_a_csv_with_a_field_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Begin,End,Label,Type\n0,1," + "x" * 200_000 + ",phones\n")
    with pytest.raises(VqaudioError, match=r"a\.csv"):
        read_mfa_csv(tmp_path / "a.csv")
