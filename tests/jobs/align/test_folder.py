"""The folder of an alignment: what is there stays, what failed is noted, the words that are missing are counted."""

import json
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.textgrid import read_tiers
from vqaudio.jobs.align.folder import AlignedFolder
from vqaudio.jobs.align.run import AlignOutcome
from vqaudio.jobs.sources import Source

SOURCES = [Source(f"s/{name}.wav", f"/in/s/{name}.wav") for name in "abc"]
TIERS = {"words": [Interval("", 0.0, 1.0)], "phones": [Interval("SIL", 0.0, 1.0)]}


def aligned(source: Source) -> AlignOutcome:
    return AlignOutcome(source, TIERS, 1.0)


def lacking(source: Source, *words: str) -> AlignOutcome:
    return AlignOutcome(source, reason="not in the dictionary", unknown_words=words)


def failures(folder: Path) -> dict[str, dict]:
    path = folder / "failures.jsonl"
    return {one["id"]: one for one in map(json.loads, path.read_text().splitlines())} if path.exists() else {}


def test_a_recording_gets_its_textgrid_at_once_and_a_failure_its_reason(tmp_path: Path) -> None:
    with AlignedFolder(tmp_path / "out", SOURCES, "new") as folder:
        assert (folder.todo, folder.num_before) == (SOURCES, 0)
        folder.keep(aligned(SOURCES[0]))
        assert read_tiers(tmp_path / "out" / "s" / "a.TextGrid") == TIERS
        folder.keep(AlignOutcome(SOURCES[1], reason="it is noise"))
        folder.keep(lacking(SOURCES[2], "zqxx"))
    assert failures(tmp_path / "out") == {
        "s/b.wav": {"id": "s/b.wav", "reason": "it is noise"},
        "s/c.wav": {"id": "s/c.wav", "reason": "not in the dictionary", "unknown_words": ["zqxx"]},
    }
    assert not (tmp_path / "out" / "s" / "b.TextGrid").exists()


def test_words_without_a_pronunciation_are_listed_by_how_often_they_come_until_there_are_none(tmp_path: Path) -> None:
    with AlignedFolder(tmp_path, SOURCES, "new") as folder:
        for source, words in zip(SOURCES, (("b", "a"), ("c", "b"), ("a", "b")), strict=True):
            folder.keep(lacking(source, *words))
    assert (tmp_path / "unknown_words.txt").read_text() == "b\t3\na\t2\nc\t1\n"
    with AlignedFolder(tmp_path, SOURCES, "resume") as folder:
        folder.keep(aligned(SOURCES[0]))
    assert (tmp_path / "unknown_words.txt").read_text() == "b\t2\na\t1\nc\t1\n"
    with AlignedFolder(tmp_path, SOURCES, "resume") as folder:
        for source in SOURCES[1:]:
            folder.keep(aligned(source))
    assert not (tmp_path / "unknown_words.txt").exists()
    assert failures(tmp_path) == {}


def test_the_mode_says_what_becomes_of_what_is_there(tmp_path: Path) -> None:
    with AlignedFolder(tmp_path, SOURCES, "new") as folder:
        for source in SOURCES[:2]:
            folder.keep(aligned(source))
        folder.keep(AlignOutcome(SOURCES[2], reason="noise"))
    with pytest.raises(VqaudioError, match=r"a\.TextGrid is there already, and 1 others; .* --resume .* --overwrite"):
        AlignedFolder(tmp_path, SOURCES, "new")
    with AlignedFolder(tmp_path, SOURCES, "resume") as folder:
        assert (folder.todo, folder.num_before) == (SOURCES[2:], 2)
    assert set(failures(tmp_path)) == {"s/c.wav"}
    with AlignedFolder(tmp_path, SOURCES, "overwrite") as folder:
        assert (folder.todo, folder.num_before) == (SOURCES, 0)
        folder.keep(aligned(SOURCES[0]))
    assert failures(tmp_path) == {}


def test_a_failure_of_a_recording_that_has_its_textgrid_by_now_is_forgotten(tmp_path: Path) -> None:
    with AlignedFolder(tmp_path, SOURCES, "new") as folder:
        folder.keep(AlignOutcome(SOURCES[0], reason="noise"))
    (tmp_path / "s").mkdir(exist_ok=True)
    (tmp_path / "s" / "a.TextGrid").write_text("by hand")
    with AlignedFolder(tmp_path, SOURCES, "resume"):
        pass
    assert failures(tmp_path) == {}
