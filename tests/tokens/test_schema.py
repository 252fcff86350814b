from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp, TokenRow, arrow_schema, rows_of, stamp_in, table_of

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 4, 1_024, "cd" * 32)


def rows(num_rows: int) -> list[TokenRow]:
    rng = np.random.default_rng(0)
    shapes = [(4, int(rng.integers(1, 50))) for _ in range(num_rows)]
    codes = [rng.integers(0, 1_024, shape).astype(np.uint16) for shape in shapes]
    return [TokenRow(f"{i}.wav", c, c.shape[1] * 320, 44_100, 1.5 * i, None, "é") for i, c in enumerate(codes)]


def test_a_stamp_comes_back_from_json_and_a_later_versions_field_is_left_out():
    assert CodecStamp.from_json({**STAMP.to_json(), "colour": "green"}) == STAMP
    assert STAMP.frame_rate_hz == 50.0


@pytest.mark.parametrize("wrong", [None, [], {"name": "speech"}, {**STAMP.to_json(), "hop_samples": "320"}])
def test_a_stamp_that_lacks_a_field_is_refused(wrong):
    with pytest.raises(VqaudioError, match="the codec stamp has"):
        CodecStamp.from_json(wrong)


@pytest.mark.parametrize("sizes", [{"codebook_size": 65_537}, {"codebook_size": 0}, {"num_codebooks": 0}])
def test_codes_that_do_not_fit_sixteen_bits_have_no_stamp(sizes):
    with pytest.raises(VqaudioError, match="65536"):
        replace(STAMP, **sizes)


@pytest.mark.parametrize("size", [1, 65_536])
def test_the_largest_and_the_smallest_codebook_go_through_a_table(size):
    stamp = replace(STAMP, codebook_size=size, num_codebooks=1)
    row = TokenRow("0.wav", np.array([[0, size - 1]], dtype=np.uint16), 640, 192_000, 0.1 + 0.2)
    (back,) = (row for batch in table_of([row], stamp).to_batches() for row in rows_of(batch, stamp))
    assert (back.codes.tolist(), back.source_rate_hz, back.seconds) == ([[0, size - 1]], 192_000, 0.1 + 0.2)


def test_the_same_weights_under_another_name_or_with_more_codebooks_read_the_codes():
    STAMP.require_same(replace(STAMP, name="copy"))
    STAMP.require_same(replace(STAMP, num_codebooks=8))


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "0" * 64},
        {"config_sha256": "0" * 64},
        {"sample_rate_hz": 24_000},
        {"hop_samples": 160},
        {"codebook_size": 512},
        {"num_codebooks": 3},
    ],
)
def test_another_codec_is_refused_with_both_names(change):
    other = replace(STAMP, name="other", **change)
    with pytest.raises(VqaudioError, match=r"made by speech \(weights abababababab, .*not by other \(weights"):
        STAMP.require_same(other)


def test_a_stamp_from_before_the_configuration_was_kept_is_still_read():
    old = {key: value for key, value in STAMP.to_json().items() if key != "config_sha256"}
    read = CodecStamp.from_json(old)
    read.require_same(STAMP)
    STAMP.require_same(read)
    with pytest.raises(VqaudioError, match="config not known"):
        read.require_same(replace(STAMP, weights_sha256="0" * 64))


def test_a_table_gives_its_rows_back_wherever_it_is_sliced():
    before = rows(9)
    table = table_of(before, STAMP)
    for start, length in ((0, 9), (4, 3), (8, 1)):
        after = [row for batch in table.slice(start, length).to_batches() for row in rows_of(batch, STAMP)]
        for old, new in zip(before[start : start + length], after, strict=True):
            assert np.array_equal(old.codes, new.codes)
            assert new.codes.dtype == np.uint16
            assert new.codes.base is None or new.codes.base.size == new.codes.size  # and nothing of the other rows
            assert {**vars(old), "codes": 0} == {**vars(new), "codes": 0}


def test_codebooks_of_different_lengths_are_refused():
    batch = table_of(rows(1), STAMP).to_batches()[0]
    ragged = batch.set_column(6, "codes", [[[1, 2], [3]]])
    with pytest.raises(VqaudioError, match=r"'0.wav' does not hold codebooks of one length"):
        list(rows_of(ragged.cast(arrow_schema(STAMP)), STAMP))


@pytest.mark.parametrize(
    ("codes", "wrong"),
    [
        ([], "one length"),
        ([[1, 2]], "1 codebooks"),
        ([[1, 2], [3, 16]], "codes up to 16"),
        ([[1, 2], [3, 60_000]], "codes up to 60000"),
        ([[1], [2]], "1 frames"),
    ],
)
def test_codes_that_the_stamp_does_not_allow_are_refused(codes, wrong):
    small = CodecStamp("mine", "ab" * 32, 16_000, 320, 2, 16)
    [row] = [TokenRow("0.wav", np.array([[1, 2], [3, 4]]), 640, 16_000, 0.04)]
    batch = table_of([row], small).to_batches()[0]
    assert len(list(rows_of(batch, small))) == 1
    with pytest.raises(VqaudioError, match=wrong):
        list(rows_of(batch.set_column(6, "codes", [codes]).cast(arrow_schema(small)), small))


def test_the_schema_itself_carries_the_stamp():
    assert stamp_in(arrow_schema(STAMP)) == STAMP
    with pytest.raises(VqaudioError, match="without a codec stamp"):
        stamp_in(arrow_schema(STAMP).remove_metadata())


@pytest.mark.parametrize("number", range(7))
def test_columns_of_another_name_or_type_are_refused_in_words(number):
    batch = table_of(rows(2), STAMP).to_batches()[0]
    names = batch.schema.names
    renamed = batch.rename_columns([*names[:number], "idx", *names[number + 1 :]])
    retyped = batch.set_column(number, names[number], pa.array([None, None], pa.binary()))
    for changed in (renamed, retyped):
        with pytest.raises(VqaudioError, match="a shard has other columns"):
            list(rows_of(changed, STAMP))


@pytest.mark.parametrize("packed", [b'{"\xe3": 1}', b'{"name": "sp', b"[" * 100_000])
def test_a_damaged_stamp_is_refused_in_words(packed):
    with pytest.raises(VqaudioError, match="a damaged codec stamp"):
        stamp_in(arrow_schema(STAMP).with_metadata({"vqaudio_codec": packed}))
