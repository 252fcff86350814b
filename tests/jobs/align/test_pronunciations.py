"""Dictionaries that a user adds."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.align.pronunciations import read_pronunciations


def test_cmu_and_montreal_dictionaries_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "cmu.dict").write_text(
        ";;; comment\nKÖLN  K EH1 L N\nköln(2) k ao0 l n\n\n# more\nköln K EH L N\n", encoding="utf-8"
    )
    (tmp_path / "mfa.dict").write_text("köln\t0.99\t0.2\t1e-05\tK EH1 L N\nköln\t.5\tK AO0 L N\n", encoding="utf-8")
    expected = [("köln", "K EH L N"), ("köln", "K AO L N")]
    assert read_pronunciations(tmp_path / "cmu.dict") == expected
    assert read_pronunciations(tmp_path / "mfa.dict") == expected


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("fine F AY N\nodd OO D\n", r"line 2 .*no ARPABET phone: \['OO'\]"),
        ("word\n", "line 1 .*without phones"),
        ("pause SIL\n", "no ARPABET phone"),
        ("; nothing", "line 1"),
        ("\n", "no pronunciations"),
    ],
)
def test_a_damaged_dictionary_is_refused_with_its_line(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "odd.dict").write_text(content)
    with pytest.raises(VqaudioError, match=told):
        read_pronunciations(tmp_path / "odd.dict")


def test_a_dictionary_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="cannot be read"):
        read_pronunciations(tmp_path / "none.dict")
