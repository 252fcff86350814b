"""Stores of segments: the code of each segment once, its duration beside it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.tokens.schema import CodecStamp, TokenRow, arrow_schema, rows_of, stamp_in, table_of
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.wire.file import CodesFile, read_codes, write_codes
from vqaudio.tokens.writer import TokenWriter

FRAMES = CodecStamp("units", "ab" * 32, 16_000, 320, 1, 512, "cd" * 32)
STAMP = replace(FRAMES, segments=SegmentSetting(3.5))
OTHERS = (None, SegmentSetting(3.6), SegmentSetting(3.5, max_delay_frames=None))


def row(number: int) -> TokenRow:
    generator = np.random.default_rng(number)
    durations = generator.integers(1, 9, number)
    codes = np.repeat(generator.integers(0, 512, number), durations)[None].astype(np.uint16)
    return TokenRow(f"{number}.wav", codes, codes.shape[1] * 320, 16_000, codes.shape[1] / 50, None, "é")


def contents(rows) -> list[tuple]:
    return [({**vars(one), "codes": None}, one.codes.dtype, one.codes.tolist()) for one in rows]


def test_a_store_gives_the_frames_back_and_keeps_segments(tmp_path):
    rows = [row(number) for number in (0, 1, 30, 7)]
    with TokenWriter(tmp_path, STAMP, rows_per_shard=3) as writer:
        for one in rows:
            writer.append(one)
    store = TokenStore.open(tmp_path)
    assert store.stamp == STAMP
    assert contents(store) == contents(rows)
    assert contents([store["30.wav"], store[-1]]) == contents([rows[2], rows[3]])
    kept = store.to_arrow()
    for number, one in enumerate(store):
        codes, durations = one.segments
        assert kept["codes"][number].as_py() == codes.tolist()
        assert kept["durations"][number].as_py() == durations.tolist()
        assert sum(durations) == one.codes.shape[1]
    assert json.loads((tmp_path / "vqaudio.json").read_text())["format_version"] == 2  # older programs say: upgrade


def test_rows_come_back_wherever_a_table_is_sliced():
    rows = [row(number) for number in (5, 0, 9, 2)]
    table = table_of(rows, STAMP)
    for start, length in ((0, 4), (1, 2), (3, 1)):
        found = [one for batch in table.slice(start, length).to_batches() for one in rows_of(batch, STAMP)]
        assert contents(found) == contents(rows[start : start + length])


def test_a_segment_may_be_longer_than_sixteen_bits_say():
    codes = np.full((1, 70_000), 3, dtype=np.uint16)
    (batch,) = table_of([TokenRow("long", codes, 70_000 * 320, 16_000, 1_400.0)], STAMP).to_batches()
    assert [one.codes.shape for one in rows_of(batch, STAMP)] == [(1, 70_000)]


def test_the_stamp_names_the_setting_and_that_of_frames_is_as_it_was():
    assert stamp_in(arrow_schema(STAMP)) == STAMP
    assert CodecStamp.from_json(STAMP.to_json()) == STAMP
    assert "segments: penalty 3.5" in str(STAMP)
    assert "segments" not in FRAMES.to_json()
    assert "durations" not in arrow_schema(FRAMES).names


@pytest.mark.parametrize("setting", OTHERS)
def test_a_store_of_another_setting_is_not_continued(tmp_path, setting):
    with TokenWriter(tmp_path, STAMP) as writer:
        writer.append(row(4))
    with pytest.raises(VqaudioError, match=r"was written by units .*penalty 3\.5.*not by units"):
        TokenWriter(tmp_path, replace(STAMP, segments=setting), mode="resume")
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        writer.append(row(5))
    assert TokenStore.open(tmp_path).ids() == ["4.wav", "5.wav"]


@pytest.mark.parametrize("setting", OTHERS)
def test_the_codec_reads_codes_of_every_setting_and_another_codec_none(setting):
    STAMP.require_same(replace(STAMP, segments=setting))
    replace(STAMP, segments=setting).require_same(STAMP)
    with pytest.raises(VqaudioError, match="not by"):
        STAMP.require_same(replace(STAMP, weights_sha256="0" * 64, segments=setting))


def test_segments_of_several_codebooks_have_no_stamp_and_the_way_out_is_told():
    with pytest.raises(VqaudioError, match=r"units has 2 .*--codebooks 1"):
        replace(STAMP, num_codebooks=2)


@pytest.mark.parametrize("durations", [[], [3], [3, 2, 1], [2, 2], [5, 0], [0, 5], [4_294_967_295, 6], None], ids=repr)
def test_durations_that_do_not_make_up_the_frames_are_damage(durations):
    one = TokenRow("0.wav", np.array([[7, 7, 7, 9, 9]]), 1_600, 16_000, 0.1)
    batch = table_of([one], STAMP).to_batches()[0]
    assert len(list(rows_of(batch, STAMP))) == 1
    with pytest.raises(VqaudioError, match=r"'0\.wav' holds 2 segments .*damaged"):
        list(rows_of(batch.set_column(7, "durations", [durations]).cast(arrow_schema(STAMP)), STAMP))


@pytest.mark.parametrize(("stamp", "other"), [(STAMP, FRAMES), (FRAMES, STAMP)])
def test_columns_of_the_other_kind_of_store_are_damage(stamp, other):
    with pytest.raises(VqaudioError, match="a shard has other columns"):
        list(rows_of(table_of([row(3)], stamp).to_batches()[0], other))


def test_a_codes_file_names_the_setting_too(tmp_path):
    one = row(6)
    write_codes(tmp_path / "a.codes", CodesFile(STAMP, one.codes, one.num_samples))
    content = read_codes(tmp_path / "a.codes")
    assert (content.stamp, content.codes.tolist()) == (STAMP, one.codes.tolist())


@pytest.mark.parametrize("wrong", [{}, 4.0, {"penalty": 1}])
def test_a_stamp_with_a_setting_that_is_none_is_refused(wrong):
    with pytest.raises(VqaudioError, match="segments have the setting"):
        CodecStamp.from_json({**STAMP.to_json(), "segments": wrong})
