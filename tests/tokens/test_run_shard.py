"""Shards of a run: dealt out, recorded, and not mistaken for one another."""

import json
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.manifest import read_manifest
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.writer import Mode, TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 1_024)
IDS = [f"{number:02}.wav" for number in range(11)]


@pytest.mark.parametrize("count", [1, 3, 5, 11, 20])
def test_every_recording_is_dealt_to_exactly_one_shard_and_none_gets_two_more_than_another(count):
    shards = [RunShard.of(IDS, index, count) for index in range(count)]
    dealt = [shard.own(IDS) for shard in shards]
    assert sorted(row_id for ids in dealt for row_id in ids) == IDS
    assert max(map(len, dealt)) - min(map(len, dealt)) <= 1
    assert [shard.num_own for shard in shards] == [len(ids) for ids in dealt]
    assert all(shard.is_same_run(shards[0]) for shard in shards)


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (0, 0)])
def test_a_shard_that_the_run_has_not_is_refused(index, count):
    with pytest.raises(VqaudioError, match="wanted I/N"):
        RunShard.of(IDS, index, count)


def test_one_id_more_or_others_or_another_cut_between_them_is_another_run():
    of = RunShard.of(["a", "b\nc"], 0, 2)
    assert RunShard.of(["a", "b\nc"], 1, 2).is_same_run(of)
    for ids in (["a", "b\nc", "d"], ["a", "c"], ["a\nb", "c"], ["ab", "\nc"], ["b\nc", "a"]):
        assert not RunShard.of(ids, 0, 2).is_same_run(of)
    assert not RunShard.of(["a", "b\nc"], 0, 3).is_same_run(of)


def test_the_manifest_keeps_the_shard_and_older_readers_find_all_they_know(tmp_path: Path):
    shard = RunShard.of(IDS, 2, 4)
    modes: tuple[Mode, ...] = ("new", "resume")
    for mode in modes:
        with TokenWriter(tmp_path, STAMP, mode=mode, run_shard=shard):
            assert read_manifest(tmp_path).run_shard == shard
    content = json.loads((tmp_path / "vqaudio.json").read_text())
    assert content.pop("run_shard") == {"index": 2, "count": 4, "num_recordings": 11, "ids_sha256": shard.ids_sha256}
    assert (content["format_version"], set(content)) == (
        1, {"format", "format_version", "codec", "counts", "shards"}
    )  # fmt: skip
    with TokenWriter(tmp_path / "whole", STAMP):
        pass
    assert "run_shard" not in json.loads((tmp_path / "whole" / "vqaudio.json").read_text())


@pytest.mark.parametrize(
    "entry",
    [None, 3, {}, {"index": 1}, {"index": "1", "count": 2, "num_recordings": 3, "ids_sha256": ""}]
    + [{"index": index, "count": 2, "num_recordings": 3, "ids_sha256": ""} for index in (2, True, 0.5)],
)  # fmt: skip
def test_an_entry_that_is_no_shards_is_answered_in_a_sentence(tmp_path: Path, entry):
    with TokenWriter(tmp_path, STAMP):
        pass
    content = json.loads((tmp_path / "vqaudio.json").read_text())
    (tmp_path / "vqaudio.json").write_text(json.dumps({**content, "run_shard": entry}))
    with pytest.raises(VqaudioError, match=r"run_shard|wanted I/N"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (None, "holds shard 2/4, not a whole run"),
        (RunShard.of(IDS, 1, 4), "holds shard 2/4, not shard 1/4"),
        (RunShard.of(IDS, 2, 5), "holds shard 2/4, not shard 2/5"),
        (RunShard.of(IDS[:-1], 2, 4), "had 11 recordings; now it has 10"),
        (RunShard.of([*IDS[:-1], "other"], 2, 4), "or others"),
    ],
)
def test_a_shards_store_is_not_continued_by_another_shard(tmp_path: Path, other, said):
    with TokenWriter(tmp_path, STAMP, run_shard=RunShard.of(IDS, 2, 4)):
        pass
    before = (tmp_path / "vqaudio.json").read_bytes()
    with pytest.raises(VqaudioError, match=said):
        TokenWriter(tmp_path, STAMP, mode="resume", run_shard=other)
    assert (tmp_path / "vqaudio.json").read_bytes() == before
    with TokenWriter(tmp_path, STAMP, mode="overwrite", run_shard=other):
        assert read_manifest(tmp_path).run_shard == other


def test_a_whole_store_is_not_continued_by_a_shard(tmp_path: Path):
    with TokenWriter(tmp_path, STAMP):
        pass
    with pytest.raises(VqaudioError, match="holds a whole run, not shard 0/2"):
        TokenWriter(tmp_path, STAMP, mode="resume", run_shard=RunShard.of(IDS, 0, 2))
