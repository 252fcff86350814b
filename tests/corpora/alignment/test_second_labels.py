"""Audacity's and xlabel's label files."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.second_labels import read_audacity, read_xlabel

BUCKEYE = """signal s0101a
type 0
color 121
comment created using xlabel Mon Jan 17 10:04:41 2000
font -misc-*-bold-*-*-*-15-*-*-*-*-*-*-*
separator ;
nfields 1
#
   0.0  122 {B_TRANS}
   0.067175  122 SIL
   0.41  122 k ; creaky
   0.5  122
   32.216575  122 <VOCNOISE>
"""


def test_audacity_labels_keep_their_spaces_points_and_empty_texts(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(
        "0.000000\t0.250000\tone word\n\\\t100.0\t200.0\n0.25\t0.25\tpoint\n0.250000\t1.5\t\n", encoding="utf-8"
    )
    assert read_audacity(path) == [
        Interval("one word", 0.0, 0.25),
        Interval("point", 0.25, 0.25),
        Interval("", 0.25, 1.5),
    ]


def test_each_xlabel_begins_where_the_one_before_ended(tmp_path: Path) -> None:
    path = tmp_path / "s0101a.phones"
    path.write_text(BUCKEYE)
    assert read_xlabel(path) == [
        Interval("{B_TRANS}", 0.0, 0.0),
        Interval("SIL", 0.0, 0.067175),
        Interval("k", 0.067175, 0.41),
        Interval("", 0.41, 0.5),
        Interval("<VOCNOISE>", 0.5, 32.216575),
    ]


def test_errors_name_the_line_or_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("0.0 0.1 a\n0.1 b\n")
    with pytest.raises(VqaudioError, match=r"line 2 of .*: wanted `start_s end_s label`"):
        read_audacity(path)
    with pytest.raises(VqaudioError, match="no line '#' ends its header"):
        read_xlabel(path)
    path.write_text("#\n0.5 121 a\n0.4 121 b\n")
    with pytest.raises(VqaudioError, match=r"interval 2, 'b', runs from 0\.5 s to 0\.4 s"):
        read_xlabel(path)
    path.write_text("#\n0.5 a 121\n")
    with pytest.raises(VqaudioError, match=r"line 2 of .*: wanted `end_s colour label`"):
        read_xlabel(path)
