"""HTK and HTS labels: units of 100 ns, contexts, states, master label files."""

from itertools import pairwise
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.htk_labels import read_lab, read_mlf

WANTED = [Interval("sil", 0.0, 0.215), Interval("hh", 0.215, 0.29), Interval("iy", 0.29, 0.4)]
PLAIN = "0 2150000 sil -12.5\n2150000 2900000 hh\n\n2900000 4000000 iy 3.1 he\n"
STATES = """0 1000000 x^x-sil+hh=iy@x_x/A:0_0_0[2]
1000000 2150000 x^x-sil+hh=iy@x_x/A:0_0_0[3]
2150000 2900000 x^sil-hh+iy=x@1_2/A:0-0_0[2]
2900000 3000000 sil^hh-iy+x=x@2_1/A:0_0_0[2]
3000000 4000000 sil^hh-iy+x=x@2_1/A:0_0_0[6]
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.lab"


@pytest.mark.parametrize("text", [PLAIN, STATES, PLAIN.replace("hh", "sil-hh+iy"), PLAIN + "///\n0 4000000 noise\n"])
def test_plain_contextual_and_state_labels_say_the_same(path: Path, text: str) -> None:
    path.write_text(text)
    assert read_lab(path) == WANTED


def test_the_same_phone_twice_stays_two_though_its_states_are_joined(path: Path) -> None:
    path.write_text("0 10 a[2]\n10 20 a[3]\n20 30 a[2]\n30 50 a[3]\n60 70 a[4]\n")
    ends = [round(one.end_s * 1e7) for one in read_lab(path)]
    assert ends == [20, 50, 70]  # the last does not follow at once


def test_neighbours_meet_whatever_the_digits(path: Path) -> None:
    path.write_text("".join(f"{place * 1_234_567} {(place + 1) * 1_234_567} a\n" for place in range(50)))
    found = read_lab(path)
    assert all(one.end_s == after.start_s for one, after in pairwise(found))


def test_a_master_label_file_holds_its_utterances(path: Path) -> None:
    path.write_text(f'#!MLF!#\n"*/b.lab"\n{PLAIN}.\n"/data/c.rec"\n0 10000000 sil\n.\n')
    assert read_mlf(path) == {"b": WANTED, "c": [Interval("sil", 0.0, 1.0)]}
    path.write_text(f'#!MLF!#\n"*/b.lab"\n{PLAIN}')
    with pytest.raises(VqaudioError, match="ends in the middle of 'b'"):
        read_mlf(path)
    path.write_text(PLAIN)
    with pytest.raises(VqaudioError, match="is no HTK master label file"):
        read_mlf(path)


@pytest.mark.parametrize("text", ["sil\n", "0 sil\n", "0.0 0.2 sil\n", "-1 5 sil\n"])
def test_labels_without_times_are_named(path: Path, text: str) -> None:
    path.write_text("0 1 a\n" + text)
    with pytest.raises(VqaudioError, match=r"line 2 of .*: wanted `start end label`"):
        read_lab(path)
