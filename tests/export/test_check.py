"""`check_export` sees every change; a check that cannot fail shows nothing."""

import json
import os
from dataclasses import replace

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
    for version in (2, 99):
        (tmp_path / "export.json").write_text(f'{{"format_version": {version}, "vocabulary": {{}}}}')
        with pytest.raises(VqaudioError, match=f"format {version}"):
            check_export(tmp_path, store)


def test_a_codec_of_another_name_is_the_same_and_one_of_other_weights_is_not(store, make_store, make_rows, tmp_path):
    export_store(store, tmp_path / "out", ExportOptions("nanogpt"))
    renamed = make_store(make_rows(25), replace(store.stamp, name="renamed"))
    seen = []
    report = check_export(tmp_path / "out", renamed, lambda *done: seen.append(done))
    assert (report.num_documents, report.num_codes) == (25, sum(row.codes.size for row in store))
    assert seen == [(1, row.num_samples) for row in store]
    with pytest.raises(VqaudioError, match="was exported from codes of"):
        check_export(tmp_path / "out", make_store(make_rows(25), replace(store.stamp, weights_sha256="1" * 64)))


def spoilt_tokens(out, change):
    """Changes the list of tokens of the second document, and its length in the index with it."""
    path = out / "train.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    changed = change(lines[1]["input_ids"])
    added, lines[1]["input_ids"] = len(changed) - len(lines[1]["input_ids"]), changed
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    [path] = (out / "documents").glob("train-*")
    table = pq.read_table(path)
    lengths = table.column("length").to_pylist()
    lengths[1] += added
    place = table.schema.get_field_index("length")
    pq.write_table(table.set_column(place, "length", pa.array(lengths, pa.int64())), path)


CHANGES = {
    "no BOS": lambda tokens: tokens[1:],
    "no EOS": lambda tokens: tokens[:-1],
    "two EOS": lambda tokens: [*tokens, tokens[-1]],
    "EOS in front": lambda tokens: [tokens[-1], *tokens[:-1]],
    "EOS among the codes": lambda tokens: [*tokens[:-2], tokens[-1], tokens[-2]],
    "another speaker": lambda tokens: [tokens[0], tokens[1] + 1, *tokens[2:]],
    "another letter": lambda tokens: [*tokens[:3], tokens[3] + 1, *tokens[4:]],
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_document_with_other_tokens_around_its_codes_is_found(change, make_store, make_rows, tmp_path):
    """As when an export that was cut short is gone on with under other options: the codes alone are all there."""
    rows = [replace(row, speaker="ada", text="hi") for row in make_rows(3)]
    rows[2] = replace(rows[2], speaker="bob")
    store, out, chosen = make_store(rows), tmp_path / "out", {"has_bos": True, "has_eos": True, "validation": 0}
    export_store(store, out, ExportOptions("jsonl", "lists", prefix=("speaker", "text"), **chosen))
    check_export(out, store)
    spoilt_tokens(out, CHANGES[change])
    with pytest.raises(VqaudioError, match=r"a b/c\.wav begins or ends with other tokens than"):
        check_export(out, store)


@pytest.mark.parametrize("changed", [{"speaker": "eve"}, {"text": "hello"}, {"speaker": None}, {"text": None}])
def test_a_store_whose_speaker_or_text_is_another_one_is_found(changed, make_store, make_rows, tmp_path):
    rows = [replace(row, speaker="ada", text="hi") for row in make_rows(3)]
    options = ExportOptions("nanogpt", validation=0, prefix=("speaker", "text"))
    export_store(make_store(rows), tmp_path / "out", options)
    check_export(tmp_path / "out", make_store(rows))
    with pytest.raises(VqaudioError, match="begins or ends with other tokens than"):
        check_export(tmp_path / "out", make_store([*rows[:2], replace(rows[2], **changed)]))


@pytest.mark.parametrize("has_eos", [False, True])
def test_documents_with_and_without_eos_in_one_export_are_found(has_eos, store, tmp_path):
    """The record says one thing of all; the documents are those of an export that said the other."""
    export_store(store, tmp_path / "out", ExportOptions("jsonl", "lists", has_eos=has_eos))
    export_store(store, tmp_path / "other", ExportOptions("jsonl", "lists", has_eos=not has_eos))
    for part in ("train.jsonl", "documents"):
        os.rename(tmp_path / "out" / part, tmp_path / f"old {part}")
        os.rename(tmp_path / "other" / part, tmp_path / "out" / part)
    with pytest.raises(VqaudioError, match="begins or ends with other tokens than"):
        check_export(tmp_path / "out", store)
