"""TextGrids that are written: what is read back is what was meant."""

import contextlib
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.textgrid import read_tiers, write_tiers


def tier(labels: list[str], edges_s: list[float]) -> list[Interval]:
    return [Interval(*one) for one in zip(labels, edges_s[:-1], edges_s[1:], strict=True)]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), min_size=1, max_size=5))
def test_what_was_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, labels: list[str]) -> None:
    path = tmp_path_factory.mktemp("grid") / "one.TextGrid"
    edges_s = [0.0, *(0.1 + 0.0075 * place for place in range(1, len(labels))), 2.108062]
    tiers = {"words": tier(labels, edges_s), "phones": tier(["SIL"], [0.0, 2.108062])}
    write_tiers(path, tiers, 2.108062)
    assert read_tiers(path) == tiers


@pytest.mark.parametrize("edges_s", [[0.1, 1.0], [0.0, 0.9], [0.0, 0.7, 0.5, 1.0]])
def test_a_tier_that_does_not_cover_the_recording_is_refused(tmp_path: Path, edges_s: list[float]) -> None:
    with pytest.raises(VqaudioError, match=r"'phones' does not cover 0 to 1\.0 s"):
        write_tiers(tmp_path / "one.TextGrid", {"phones": tier(["AA"] * (len(edges_s) - 1), edges_s)}, 1.0)
    assert not list(tmp_path.iterdir())


def test_a_gap_between_two_intervals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="gaps"):
        write_tiers(tmp_path / "a.TextGrid", {"words": [Interval("a", 0.0, 0.4), Interval("b", 0.5, 1.0)]}, 1.0)


@pytest.mark.parametrize("damage", ['"' * 300_001, 'xmin = 0 "' + "a " * 200_000, "[" + " " * 300_000, "[ 1" * 100_000])
def test_a_damaged_file_of_megabytes_is_read_in_one_pass(tmp_path, damage):
    (tmp_path / "a.TextGrid").write_text('File type = "ooTextFile"\nObject class = "TextGrid"\n' + damage)
    before_s = time.thread_time()
    with contextlib.suppress(VqaudioError):
        assert read_tiers(tmp_path / "a.TextGrid") == {}
    assert time.thread_time() - before_s < 5  # quadratic, it took minutes


def test_of_tiers_with_one_name_the_first_is_read(tmp_path: Path) -> None:
    path, first = tmp_path / "a.TextGrid", tier(["AA", "B"], [0.0, 0.4, 1.0])
    write_tiers(path, {"phones": first, "others": tier(["Z"], [0.0, 1.0])}, 1.0)
    path.write_text(path.read_text().replace('"others"', '"phones"'))
    assert read_tiers(path) == {"phones": first}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-be", "utf-16-le"])
def test_a_grid_is_read_in_every_encoding_of_praat(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.TextGrid"
    write_tiers(path, {"phones": tier(["ə"], [0.0, 1.0])}, 1.0)
    mark = "\ufeff" if encoding.startswith("utf-16") else ""
    path.write_bytes((mark + path.read_text(encoding="utf-8")).encode(encoding))
    assert read_tiers(path) == {"phones": tier(["ə"], [0.0, 1.0])}
    path.write_bytes(b'"ooTextFile" caf\xe9')
    with pytest.raises(VqaudioError, match=r"a\.TextGrid is neither UTF-8 nor UTF-16 text"):
        read_tiers(path)


def test_a_grid_without_tiers_has_none_and_a_string_without_end_ends_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text('"ooTextFile" "TextGrid" 0 1.5 <absent>')
    assert read_tiers(path) == {}
    whole = '"ooTextFile" "TextGrid" -1 1.5 <exists> 1 "IntervalTier" "a" -1 1.5 1 -1 1.5 "x'
    path.write_text(whole + '"')
    assert read_tiers(path) == {"a": [Interval("x", -1.0, 1.5)]}
    path.write_text(whole + " 7 8 9\n<exists> 3")
    with pytest.raises(VqaudioError, match="ends in the middle"):
        read_tiers(path)
    path.write_text(whole.replace(' "x', " y") + " \"lost 7 'z' 8\n9")
    with pytest.raises(VqaudioError, match="ends in the middle"):
        read_tiers(path)
