"""`check_export` sees every change; a check that cannot fail shows nothing."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export.check import check_export
from vqaudio.export.formats.table import FORMATS
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store

KINDS = [(name, style) for name, format_ in FORMATS.items() for style in format_.styles]
DATA = {"nanogpt": "train.bin", "megatron": "train.bin", "jsonl": "train.jsonl", "webdataset": "train-000000.tar"}
LINES = {"gslm": "train.txt", "fairseq": "train.km", "kaldi": "train/text"}


def spoil(out, name, style):
    """Changes one code of the first document from 1 to another."""
    if name == "hf":
        path = next((out / "data").glob("train-*"))
        table = pq.read_table(path)
        ids = table.column("input_ids").to_pylist()
        ids[0][0] ^= 1
        column = pa.array(ids, pa.list_(pa.int32()))
        pq.write_table(table.set_column(table.schema.get_field_index("input_ids"), "input_ids", column), path)
        return
    path = out / (DATA.get(name) or LINES[style])
    content = path.read_bytes()
    if name in ("nanogpt", "megatron"):
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif name == "webdataset":
        place = content.index(b"NUMPY") - 1 + 128
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    else:
        old, new = {"tokens": (b"<|s_5|>", b"<|s_4|>"), "lists": (b"[5", b"[4"), "speechgpt": (b"<5>", b"<4>")}.get(
            style, (b"5", b"4")
        )
        assert old in content
        path.write_bytes(content.replace(old, new, 1))


@pytest.fixture
def five_store(make_store, make_rows):
    """Every document begins with code 5."""
    rows = make_rows(12)
    for row in rows:
        row.codes[:, :1] = 5
    return make_store([row for row in rows if row.id.isascii() and "5" not in row.id])


@pytest.mark.parametrize(("name", "style"), KINDS)
def test_one_changed_code_is_found(name, style, five_store, tmp_path):
    out = tmp_path / "out"
    export_store(five_store, out, ExportOptions(name, style, num_codebooks=1, validation=0))
    check_export(out, five_store)
    spoil(out, name, style)
    with pytest.raises(VqaudioError, match="not those of the store"):
        check_export(out, five_store)


def test_a_border_that_moved_is_found(store, tmp_path):
    out = tmp_path / "out"
    export_store(store, out, ExportOptions("jsonl", "lists", num_codebooks=1, validation=0))
    path = out / "train.jsonl"
    content = path.read_text().replace("]}\n", ", 1]}\n", 1)
    path.write_text(content)
    with pytest.raises(VqaudioError, match="has a sequence of"):
        check_export(out, store)


def test_sequences_that_end_early_or_late_are_found(store, tmp_path):
    out = tmp_path / "out"
    export_store(store, out, ExportOptions("nanogpt", validation=0))
    path = out / "train.bin"
    content = path.read_bytes()
    path.write_bytes(content[:-2])
    with pytest.raises(VqaudioError, match="end 1 tokens before"):
        check_export(out, store)
    path.write_bytes(content + bytes(2))
    with pytest.raises(VqaudioError, match="belong to none"):
        check_export(out, store)


def test_an_export_of_another_store_is_found(store, make_store, make_rows, tmp_path):
    export_store(store, tmp_path / "out", ExportOptions("nanogpt"))
    with pytest.raises(VqaudioError, match="belongs"):
        check_export(tmp_path / "out", make_store(make_rows(26)))
    with pytest.raises(VqaudioError, match="does not"):
        check_export(tmp_path / "out", make_store(make_rows(24)))
    with pytest.raises(VqaudioError, match="not those of the store"):
        check_export(tmp_path / "out", make_store(make_rows(25, seed=1)))


def test_a_folder_that_is_no_export_is_refused(store, tmp_path):
    with pytest.raises(VqaudioError, match="no finished export"):
        check_export(tmp_path, store)
    (tmp_path / "export.json").write_text('{"format_version": 99, "vocabulary": {}}')
    with pytest.raises(VqaudioError, match="format 99"):
        check_export(tmp_path, store)
