"""Lines in the order of the C locale, however many files they pass through, and found again."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.export import sorting
from vqaudio.export.sorting import SortedLines, sort_lines

words = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FFF, categories=["L", "N", "P", "S"]), min_size=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lines")


@given(
    names=st.lists(words, unique=True, max_size=30), run_bytes=st.sampled_from([1, 20, 1000]), fan_in=st.integers(2, 4)
)
def test_lines_are_in_order_and_each_is_found(names: list[str], run_bytes: int, fan_in: int, folder: Path) -> None:
    path = folder / "text"
    path.write_text("".join(f"{name} {place}\n" for place, name in enumerate(names)), encoding="utf-8", newline="\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "RUN_BYTES", run_bytes)
        patch.setattr(sorting, "FAN_IN", fan_in)
        sort_lines(path)
    found = path.read_bytes().split(b"\n")[:-1]
    assert found == sorted(f"{name} {place}".encode() for place, name in enumerate(names))
    lines = SortedLines(path)
    for place, name in enumerate(names):
        assert lines.find(name) == f"{name} {place}".encode()
    assert [one.name for one in folder.iterdir()] == ["text"]


def test_the_order_is_that_of_the_programs_that_read_it(tmp_path: Path) -> None:
    names = ["b", "B", "a-b", "a", "ab", "a/b", "ä", "a.b", "_", "猫"]
    (tmp_path / "text").write_text("".join(f"{name} 1\n" for name in names), encoding="utf-8")
    sort_lines(tmp_path / "text")
    command = ["sort", "-c", "-k1,1", str(tmp_path / "text")]
    subprocess.run(command, check=True, env={**os.environ, "LC_ALL": "C"})


def test_a_word_that_is_not_there_or_not_in_order_is_not_found(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("c 1\nb 2\na 3\n")
    with pytest.raises(VqaudioError, match="no line of a"):
        SortedLines(path).find("a")
    path.write_text("a 1\nc 2\n")
    with pytest.raises(VqaudioError, match="no line of b"):
        SortedLines(path).find("b")
    path.write_text("")
    with pytest.raises(VqaudioError, match="no line of b"):
        SortedLines(path).find("b")


def test_no_more_files_are_open_than_a_process_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, merge = [], sorting._merge
    monkeypatch.setattr(sorting, "RUN_BYTES", 1)
    monkeypatch.setattr(sorting, "_merge", lambda runs, target: opened.append(len(runs)) or merge(runs, target))
    path = tmp_path / "text"
    path.write_text("".join(f"{number * 37 % 300:03}\n" for number in range(300)))
    sort_lines(path)
    assert path.read_text() == "".join(f"{number:03}\n" for number in range(300))
    assert 2 <= max(opened) <= 128  # macOS lets a process have 256
