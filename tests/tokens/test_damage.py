"""Shards that are whole, each for itself, in a store that is not: ids that stand twice, counts that are others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqaudio.tokens.damage import find_damage
from vqaudio.tokens.manifest import Manifest
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.shards import write_shard

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 1, 16)


def row(name: str) -> TokenRow:
    return TokenRow(name, np.zeros((1, 2), np.uint16), 640, 16_000, 0.04)


def test_an_id_that_stands_twice_is_named_in_one_shard_or_in_two(tmp_path):
    (tmp_path / "data").mkdir()
    manifest = Manifest(STAMP)
    for number, names in enumerate((["a", "b"], ["c", "d", "c"], ["e", "b"], ["f"])):
        manifest = manifest.with_shard(write_shard(tmp_path, number, [row(name) for name in names], STAMP))
    seen = []
    found = {damage.number: damage.reason for damage in find_damage(tmp_path, manifest, seen.append)}
    assert found == {
        1: "holds the id 'c', which is in data/part-00001.parquet already",
        2: "holds the id 'b', which is in data/part-00000.parquet already",
    }
    assert seen == list(manifest.shards)


def one_shard(folder: Path, *names: str) -> tuple[Path, Manifest]:
    (folder / "data").mkdir(parents=True)
    manifest = Manifest(STAMP).with_shard(write_shard(folder, 0, [row(name) for name in names], STAMP))
    return folder / manifest.shards[0].path, manifest


@pytest.mark.parametrize("change", [1, -1])
def test_a_shard_that_grew_or_shrank_says_by_its_bytes(tmp_path, change):
    path, manifest = one_shard(tmp_path, "a", "b")
    size = path.stat().st_size
    path.write_bytes((path.read_bytes() + b"x")[: size + change])
    (damage,) = find_damage(tmp_path, manifest, lambda shard: None)
    assert damage.reason == f"has {size + change} bytes, not {size}"


def test_a_folder_in_the_place_of_a_shard_is_no_shard(tmp_path):
    path, manifest = one_shard(tmp_path, "a")
    path.unlink()
    path.mkdir()
    (damage,) = find_damage(tmp_path, manifest, lambda shard: None)
    assert (damage.reason, damage.entries) == ("is missing", None)


def test_shards_in_the_place_of_each_other_are_damage(tmp_path):
    """Whole, but a writer that resumes would take the wrong place for the next one."""
    _, manifest = one_shard(tmp_path, "a")
    manifest = manifest.with_shard(write_shard(tmp_path, 1, [row("b")], STAMP))
    swapped = replace(manifest, shards=manifest.shards[::-1])
    assert [damage.reason for damage in find_damage(tmp_path, swapped, lambda shard: None)] == [
        "is listed as shard 0, which lies at data/part-00000.parquet",
        "is listed as shard 1, which lies at data/part-00001.parquet",
    ]


def test_entries_are_told_where_their_own_bytes_are_whole_and_never_others(tmp_path):
    path, manifest = one_shard(tmp_path, "a recording", "another")
    whole = path.read_bytes()
    for position, entries in ((len(whole) - 1, None), (whole.index(b"a recording"), None)):
        content = bytearray(whole)
        content[position] ^= 1
        path.write_bytes(content)
        (damage,) = find_damage(tmp_path, manifest, lambda shard: None)
        assert damage.entries == entries


@pytest.mark.parametrize(
    ("count", "told"),
    [("num_rows", "3, 1280 and 4"), ("num_samples", "2, 1281 and 4"), ("num_frames", "2, 1280 and 5")],
)
def test_a_manifest_that_counts_otherwise_is_damage(tmp_path, count, told):
    """The bytes are those that were written; what the manifest says of them is not."""
    (tmp_path / "data").mkdir()
    shard = write_shard(tmp_path, 0, [row("a"), row("b")], STAMP)
    wrong = Manifest(STAMP, (replace(shard, **{count: getattr(shard, count) + 1}),))
    assert find_damage(tmp_path, Manifest(STAMP, (shard,)), lambda shard: None) == []
    (damage,) = find_damage(tmp_path, wrong, lambda shard: None)
    assert damage.reason == f"holds 2 rows, 1280 samples and 4 frames, not {told}"
