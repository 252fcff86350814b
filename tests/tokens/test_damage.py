"""Ids that stand twice: shards are whole, each for itself, and the store is not."""

import numpy as np

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
