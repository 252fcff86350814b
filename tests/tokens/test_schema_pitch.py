"""Stores with pitch beside the codes: a step for each frame, and the median that the steps stand around."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.tokens.damage import find_damage
from vqaudio.tokens.manifest import read_manifest
from vqaudio.tokens.merging import merge_stores
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.schema import CodecStamp, TokenRow, arrow_schema, rows_of, stamp_in, table_of
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

CODES = CodecStamp("units", "ab" * 32, 16_000, 320, 1, 512, "cd" * 32)
STAMP = replace(CODES, pitch_steps=32)
SEGMENTS = replace(STAMP, segments=SegmentSetting(3.5))
OTHERS = [0, 31, 33]


def row(number: int) -> TokenRow:
    generator = np.random.default_rng(number)
    codes = np.repeat(generator.integers(0, 512, number), 2)[None].astype(np.uint16)
    pitch = generator.integers(0, 33, codes.shape[1]).astype(np.uint16)
    median_hz = float(np.float32(generator.uniform(80, 300))) if pitch.any() else 0.0
    facts = (codes.shape[1] * 320, 16_000, codes.shape[1] / 50, None, "é")
    return TokenRow(f"{number}.wav", codes, *facts, pitch, median_hz)


def contents(rows) -> list[tuple]:
    return [
        ({**vars(one), "codes": None, "pitch": None}, one.codes.tolist(), one.pitch.dtype, one.pitch.tolist())
        for one in rows
    ]


@pytest.mark.parametrize("stamp", [STAMP, SEGMENTS], ids=["frames", "segments"])
def test_a_store_gives_the_pitch_back(tmp_path, stamp):
    rows = [row(number) for number in (0, 1, 30, 7)]
    with TokenWriter(tmp_path, stamp, rows_per_shard=3) as writer:
        for one in rows:
            writer.append(one)
    store = TokenStore.open(tmp_path)
    assert store.stamp == stamp
    assert contents(store) == contents(rows)
    assert contents([store["30.wav"], store[-1]]) == contents([rows[2], rows[3]])
    assert store.to_arrow()["pitch"].to_pylist() == [np.asarray(one.pitch).tolist() for one in rows]
    assert not find_damage(tmp_path, store.manifest, lambda shard: None)
    assert json.loads((tmp_path / "vqaudio.json").read_text())["format_version"] == 3  # older programs say: upgrade


def test_a_store_without_pitch_is_as_it_was(tmp_path):
    with TokenWriter(tmp_path, CODES) as writer:
        writer.append(replace(row(5), pitch=None, pitch_median_hz=0.0))
    (one,) = TokenStore.open(tmp_path)
    assert (one.pitch, one.pitch_median_hz) == (None, 0.0)
    assert "pitch_steps" not in CODES.to_json()
    assert not [name for name in arrow_schema(CODES).names if "pitch" in name]
    assert json.loads((tmp_path / "vqaudio.json").read_text())["format_version"] == 1


def test_rows_come_back_wherever_a_table_is_sliced():
    rows = [row(number) for number in (5, 0, 9, 2)]
    table = table_of(rows, STAMP)
    for start, length in ((0, 4), (1, 2), (3, 1)):
        found = [one for batch in table.slice(start, length).to_batches() for one in rows_of(batch, STAMP)]
        assert contents(found) == contents(rows[start : start + length])


def test_the_stamp_names_the_steps():
    assert stamp_in(arrow_schema(STAMP)) == STAMP
    assert CodecStamp.from_json(SEGMENTS.to_json()) == SEGMENTS
    assert "pitch in 32 steps" in str(STAMP)
    for wrong in (-1, 65_536, "32", None):
        with pytest.raises(VqaudioError, match="pitch"):
            CodecStamp.from_json({**STAMP.to_json(), "pitch_steps": wrong})


@pytest.mark.parametrize("steps", OTHERS)
def test_a_store_of_other_steps_is_not_continued(tmp_path, steps):
    with TokenWriter(tmp_path, STAMP) as writer:
        writer.append(row(4))
    with pytest.raises(VqaudioError, match=r"was written by units .*pitch in 32 steps.*not by units.*--pitch"):
        TokenWriter(tmp_path, replace(STAMP, pitch_steps=steps), mode="resume")
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        writer.append(row(5))
    assert contents(TokenStore.open(tmp_path)) == contents([row(4), row(5)])


def test_rows_that_a_killed_run_left_in_its_journal_have_their_pitch(tmp_path):
    writer = TokenWriter(tmp_path, STAMP, save_every_s=0.0)
    writer.append(row(6))
    writer._failures.release()  # a kill: the lock is gone, nothing is closed
    with TokenWriter(tmp_path, STAMP, mode="resume") as again:
        assert again.has_row("6.wav")
    assert contents(TokenStore.open(tmp_path)) == contents([row(6)])


@pytest.mark.parametrize("steps", OTHERS)
def test_codes_are_those_of_the_codec_with_pitch_and_without(steps):
    STAMP.require_same(replace(STAMP, pitch_steps=steps))
    replace(STAMP, pitch_steps=steps).require_same(STAMP)


WRONG = {
    "none": {"pitch": None, "pitch_median_hz": 0.0},
    "one frame less": {"pitch": np.ones(7, np.uint16)},
    "a step too high": {"pitch": np.full(8, 33, np.uint16)},
    "below zero": {"pitch": np.full(8, -1)},
    "no integers": {"pitch": np.ones(8)},
    "voiced without a median": {"pitch_median_hz": 0.0},
    "a median that is none": {"pitch_median_hz": float("nan")},
    "an endless median": {"pitch_median_hz": float("inf")},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_pitch_that_does_not_fit_is_not_written(tmp_path, wrong):
    with TokenWriter(tmp_path, STAMP) as writer:
        for add in (writer.append, writer.save_early):
            with pytest.raises(VqaudioError, match=r"'4\.wav' of 8 frames: wanted steps up to 32, got"):
                add(replace(row(4), **wrong))
        writer.append(replace(row(4), pitch=np.zeros(8, np.int64), pitch_median_hz=0.0))  # never voiced


def test_pitch_is_not_left_out_in_silence(tmp_path):
    with TokenWriter(tmp_path, CODES) as writer, pytest.raises(VqaudioError, match="wanted no pitch, got pitch of 8"):
        writer.append(row(4))


@pytest.mark.parametrize("name", ["one frame less", "a step too high", "voiced without a median", "an endless median"])
def test_pitch_that_does_not_fit_is_damage(name):
    table = table_of([row(4)], STAMP)
    (one,) = rows_of(table.to_batches()[0], STAMP)
    assert one.pitch is not None
    with pytest.raises(VqaudioError, match=r"'4\.wav' holds pitch of .*damaged"):
        list(rows_of(table_of([replace(row(4), **WRONG[name])], STAMP).to_batches()[0], STAMP))


@pytest.mark.parametrize(("stamp", "other"), [(STAMP, CODES), (STAMP, SEGMENTS)])
def test_columns_of_the_other_kind_of_store_are_damage(stamp, other):
    with pytest.raises(VqaudioError, match="a shard has other columns"):
        list(rows_of(table_of([row(3)], stamp).to_batches()[0], other))


def test_shards_are_merged_with_their_pitch_and_never_without_it(tmp_path):
    rows, ids = [row(2), row(3)], ["2.wav", "3.wav"]
    for index in (0, 1):
        with TokenWriter(tmp_path / f"s{index}", STAMP, run_shard=RunShard.of(ids, index, 2)) as writer:
            writer.append(rows[index])
    merge_stores([tmp_path / "s0", tmp_path / "s1"], tmp_path / "all")
    assert contents(TokenStore.open(tmp_path / "all")) == contents(rows)
    assert read_manifest(tmp_path / "all").stamp == STAMP
    with TokenWriter(tmp_path / "s1", CODES, mode="overwrite", run_shard=RunShard.of(ids, 1, 2)) as writer:
        writer.append(replace(rows[1], pitch=None, pitch_median_hz=0.0))
    with pytest.raises(VqaudioError, match="--pitch"):
        merge_stores([tmp_path / "s0", tmp_path / "s1"], tmp_path / "other")


def test_a_data_frame_has_pitch_where_the_store_has_it(tmp_path):
    pytest.importorskip("pandas")
    with TokenWriter(tmp_path, STAMP) as writer:
        writer.append(row(4))
    frame = TokenStore.open(tmp_path).to_pandas()
    assert frame["pitch"][0].tolist() == np.asarray(row(4).pitch).tolist()
    assert frame["pitch_median_hz"].tolist() == [row(4).pitch_median_hz]
