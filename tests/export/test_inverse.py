"""Ids of an export, and what a model makes of them, as codes again."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio import codes_from_ids
from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan
from vqaudio.export.formats.table import FORMATS, format_of
from vqaudio.export.options import ExportOptions
from vqaudio.export.record import ExportRecord
from vqaudio.export.run import export_store
from vqaudio.tokens.patterns import PATTERNS
from vqaudio.tokens.runs import to_runs

KINDS = [(name, style) for name, format_ in FORMATS.items() for style in format_.styles]

every_option = st.fixed_dictionaries(
    {
        "num_codebooks": st.integers(0, 3),
        "pattern": st.sampled_from(PATTERNS),
        "is_deduplicated": st.booleans(),
        "bpe_merges": st.sampled_from([0, 5]),
        "has_bos": st.booleans(),
        "has_eos": st.booleans(),
        "prefix": st.sampled_from([(), ("speaker",), ("text",), ("speaker", "text")]),
        "context_tokens": st.sampled_from([0, 37]),
    }
)


def exported(store, out: Path, name: str, style: str = "", *, extend=None, **chosen) -> tuple[ExportRecord, list]:
    """An export of one split: its record, and the sequences that its own reader finds."""
    record = export_store(store, out, ExportOptions(name, style, validation=0, **chosen), extend=extend)
    plan = Plan(record.options, record.vocabulary)
    sequences = [np.asarray(ids) for ids in format_of(name, style).read(out, "train", plan)]
    return record, [plan.shaped(ids) for ids in sequences]


def wanted_codes(rows, options: ExportOptions) -> list[list]:
    codes = [row.codes[: options.num_codebooks] for row in rows if row.codes.size]
    return [(to_runs(one)[0] if options.is_deduplicated else one).tolist() for one in codes]


def lists(codes) -> list[list]:
    assert all(one.dtype == np.uint16 and one.size for one in codes)
    return [one.tolist() for one in codes]


@pytest.mark.parametrize(("name", "style"), KINDS)
@settings(max_examples=3)
@given(chosen=every_option, is_extending=st.booleans())
def test_the_ids_of_every_export_are_its_codes(name, style, chosen, is_extending, store, text_tokenizer):
    is_extending &= style not in ("tokens", "speechgpt") or "text" not in chosen["prefix"]
    with tempfile.TemporaryDirectory() as folder:
        extend = text_tokenizer if is_extending else None
        record, ids = exported(store, Path(folder) / "out", name, style, extend=extend, **chosen)
        is_stream = record.options.context_tokens or not FORMATS[name].has_borders
        found = codes_from_ids(np.concatenate(ids) if is_stream else ids, Path(folder) / "out")
    wanted = wanted_codes(store, record.options)
    has_ends = record.options.has_bos or record.options.has_eos or record.options.prefix
    is_marked = chosen["pattern"] in ("delayed", "coarse-first") and record.options.num_codebooks > 1
    if is_stream and not has_ends and not is_marked:  # nothing tells where one ends
        wanted = [np.concatenate([np.array(one) for one in wanted], axis=1).tolist()]
    assert lists(found.codes) == wanted
    assert (found.num_unknown, found.num_broken) == (0, 0)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("is_deduplicated", [False, True])
def test_the_grids_of_every_pattern_are_their_codes(pattern, is_deduplicated, store, tmp_path):
    record, grids = exported(
        store, tmp_path / "out", "webdataset", is_grid=True, pattern=pattern, is_deduplicated=is_deduplicated
    )
    found = codes_from_ids(grids, record)
    assert lists(found.codes) == wanted_codes(store, record.options)
    assert (found.num_unknown, found.num_broken, found.num_empty) == (0, 0, 1)  # one row has no frames
    assert lists(codes_from_ids(grids[0], record).codes) == lists(found.codes[:1])


@pytest.mark.parametrize("pattern", ["delayed", "coarse-first"])
def test_documents_without_ends_are_told_apart_where_their_pattern_begins_anew(pattern, store, tmp_path):
    record, ids = exported(store, tmp_path / "out", "nanogpt", pattern=pattern)
    found = codes_from_ids(np.concatenate(ids), record)
    assert lists(found.codes) == wanted_codes(store, record.options)
    assert (found.num_unknown, found.num_broken) == (0, 0)


def test_ids_after_those_of_a_text_tokenizer_are_codes(store, text_tokenizer, tmp_path):
    chosen = {"prefix": ("speaker", "text"), "pattern": "delayed", "bpe_merges": 3}
    record, ids = exported(store, tmp_path / "out", "hf", extend=text_tokenizer, **chosen)
    assert record.vocabulary.offset == 257
    assert lists(codes_from_ids(ids, record).codes) == wanted_codes(store, record.options)


FILES = {
    ("hf", ""): "data/train-00000.parquet",
    ("nanogpt", ""): "train.bin",
    ("megatron", ""): "train.bin",
    ("text", "gslm"): "train.txt",
    ("text", "fairseq"): "train.km",
    ("text", "kaldi"): "train/text",
    ("jsonl", "lists"): "train.jsonl",
    ("jsonl", "tokens"): "train.jsonl",
    ("jsonl", "speechgpt"): "train.jsonl",
}


@pytest.mark.parametrize(("name", "style"), FILES)
@pytest.mark.parametrize("is_deduplicated", [False, True])
def test_the_files_of_an_export_are_read_as_they_are(name, style, is_deduplicated, store, tmp_path):
    chosen = {"pattern": "delayed", "bpe_merges": 5, "prefix": ("speaker",), "has_eos": True}
    record, _ = exported(store, tmp_path / "out", name, style, is_deduplicated=is_deduplicated, **chosen)
    found = codes_from_ids(tmp_path / "out" / FILES[name, style], like=tmp_path / "out")
    # Parquet and JSON have the durations beside the ids, and so the very frames.
    has_durations = name in ("hf", "jsonl")
    options = record.options if not has_durations else ExportOptions(name, style, num_codebooks=3)
    rows = sorted(store, key=lambda row: row.id.encode()) if style == "kaldi" else store
    found_codes, wanted = lists(found.codes), wanted_codes(rows, options)
    assert (
        (sorted(found_codes), len(found_codes)) == (sorted(wanted), len(wanted))
        if style == "kaldi"
        else (found_codes == wanted)
    )
    assert bool(found.num_untimed) == (is_deduplicated and not has_durations)
    assert (found.num_unknown, found.num_broken) == (0, 0)


@pytest.fixture(scope="module")
def export(store, tmp_path_factory) -> Path:
    """Two codebooks of 8, flattened, with BOS and EOS: ids 0 to 15 are codes, 16 is BOS, 17 EOS, 18 padding."""
    out = tmp_path_factory.mktemp("export") / "out"
    exported(store, out, "nanogpt", num_codebooks=2, has_bos=True, has_eos=True)
    return out


def test_what_a_model_adds_and_leaves_out_is_counted(export):
    ids = [16, 1, 9, 2, 17, 17, 16, 3, 63, 11, 5000, -100, 4, 12, 18]
    found = codes_from_ids(ids, like=export)
    assert lists(found.codes) == [[[1], [1]], [[3, 4], [3, 4]]]
    assert (found.num_ids, found.num_marks, found.num_unknown, found.num_broken) == (15, 5, 3, 1)
    assert (found.stamp.num_codebooks, found.num_empty) == (2, 0)


def test_numbers_that_are_none_and_rows_of_a_grid_that_are_none_are_counted(export, store, tmp_path):
    found = codes_from_ids(np.array([np.nan, 1.5, np.inf, -3, 2.0**40, 16, 1, 9]), export)
    assert (lists(found.codes), found.num_unknown, found.num_broken) == ([[[1], [1]]], 5, 0)
    record, _ = exported(store, tmp_path / "out", "webdataset", num_codebooks=2, is_grid=True, pattern="delayed")
    found = codes_from_ids(np.array([[1, 2, 3, -1, 8], [8, 4, 5, 6, 9]]), record)
    assert (lists(found.codes), found.num_unknown, found.num_broken) == ([[[1, 2, 3], [4, 5, 6]]], 2, 0)
    found = codes_from_ids(np.array([[1, 2, -1, 4, 8], [8, 4, 5, 6, 7]]), record)
    assert (lists(found.codes), found.num_unknown, found.num_broken) == ([[[1, 2, 4], [4, 5, 7]]], 1, 1)


def test_a_run_lasts_as_long_as_is_asked_where_nothing_tells(store, tmp_path):
    record, _ = exported(store, tmp_path / "out", "nanogpt", num_codebooks=1, is_deduplicated=True)
    found = codes_from_ids([1, 2], record, run_frames=3)
    assert (lists(found.codes), found.num_untimed) == ([[[1, 1, 1, 2, 2, 2]]], 2)
    (tmp_path / "ids.jsonl").write_text(
        '{"input_ids": [1, 2], "durations": [2, 1]}\n{"input_ids": [1], "durations": [20000000]}'
    )
    found = codes_from_ids(tmp_path / "ids.jsonl", record)
    assert (lists(found.codes), found.num_untimed) == ([[[1, 1, 2]], [[1]]], 1)
    with pytest.raises(VqaudioError, match="1 frame or more"):
        codes_from_ids([1], record, run_frames=0)


NAMES = "<|bos|><|s_1|><|s_9|><|s_3|><|s_11|><|eos|>"
SAME = {
    "a list": [16, 1, 9, 3, 11, 17],
    "rows": [[16, 1, 9, 3, 11, 17]],
    "floats": np.array([16.0, 1, 9, 3, 11, 17]),
    "uint64": np.array([[16, 1, 9, 3, 11, 17]], dtype=np.uint64),
    "names": [NAMES],
    "names with blanks": [NAMES.replace("><", "> <")],
    "SpeechGPT": ["<sosp><1><9><3><11><eosp>"],
    "numbers": ["1 9 3 11", "", "---------------"],
    "a list in text": ["[16, 1, 9, 3, 11, 17]"],
    "GSLM": ["a name 7|1 9 3 11"],
    "an iterator": iter([16, 1, 9, 3, 11, 17]),
}


@pytest.mark.parametrize("kind", SAME)
def test_ids_are_the_same_however_they_are_given(kind, export):
    found = codes_from_ids(SAME[kind], like=str(export))
    assert lists(found.codes) == [[[1, 3], [1, 3]]]
    assert (found.num_unknown, found.num_broken) == (0, 0)


def test_a_torch_tensor_is_an_array(export):
    import torch

    assert lists(codes_from_ids(torch.tensor([[16, 1, 9], [16, 2, 10]]), export).codes) == [[[1], [1]], [[2], [2]]]


def test_files_of_every_kind_are_read(export, tmp_path):
    ids = [16, 1, 9, 3, 11, 17]
    np.save(tmp_path / "one.npy", np.array(ids))
    np.save(tmp_path / "rows.npy", np.array([ids], dtype=np.int32))
    np.array(ids, dtype="<u2").tofile(tmp_path / "ids.bin")
    (tmp_path / "names.txt").write_text(f"number of parameters: 0.03M\n{NAMES}\n---------------\n")
    (tmp_path / "ids.jsonl").write_text(json.dumps(ids) + "\n\n")
    (tmp_path / "codes.jsonl").write_text('{"id": "sample_00", "codes": [[1, 3], [1, 3]]}\n')
    pq.write_table(pa.table({"input_ids": [ids]}), tmp_path / "ids.parquet")
    for path in tmp_path.iterdir():
        found = codes_from_ids(path, export)
        assert lists(found.codes) == [[[1, 3], [1, 3]]], path
        assert found.num_unknown == (4 if path.name == "names.txt" else 0)


@pytest.mark.parametrize(
    ("name", "vocabulary", "kind"), [("hf", 8, "<u2"), ("hf", 30_000, "<u4"), ("megatron", 30_000, "<i4")]
)
def test_a_stream_has_the_numbers_that_the_export_has(name, vocabulary, kind, make_store, make_rows, tmp_path):
    from vqaudio.tokens.schema import CodecStamp

    store = make_store(make_rows(3), CodecStamp("tiny", "0" * 64, 16_000, 320, 3, vocabulary))
    record, _ = exported(store, tmp_path / "out", name)
    np.array([5, vocabulary, 2 * vocabulary], dtype=kind).tofile(tmp_path / "ids.bin")
    assert lists(codes_from_ids(tmp_path / "ids.bin", record).codes) == [[[5], [0], [0]]]
