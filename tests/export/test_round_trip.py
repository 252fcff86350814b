"""What comes out of an export is what went in, for every format and every pair of options."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.export.check import check_export, read_export
from vqaudio.export.formats.table import FORMATS
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.patterns import PATTERNS
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.splits import SPLITS, split_of

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
        "context_tokens": st.sampled_from([0, 2, 37]),
        "validation": st.sampled_from([0.0, 0.4]),
    }
)


def codes_in(folder: Path) -> dict[str, tuple[str, list]]:
    return {entry.id: (split, codes.tolist()) for split in SPLITS for entry, codes in read_export(folder, split)}


@pytest.mark.parametrize(("name", "style"), KINDS)
@settings(max_examples=6)
@given(chosen=every_option, is_extending=st.booleans())
def test_every_format_gives_back_the_codes_of_every_row(name, style, chosen, is_extending, store, text_tokenizer):
    is_extending &= style not in ("tokens", "speechgpt") or "text" not in chosen["prefix"]  # refused, see below
    options = ExportOptions(format=name, style=style, **chosen)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        export_store(store, out, options, extend=text_tokenizer if is_extending else None)
        back = codes_in(out)
        assert check_export(out, store).num_documents == len(back) == len(store)
    for row in store:
        wanted = row.codes[: options.num_codebooks or 3].tolist()
        assert back[row.id] == (split_of(row.speaker, row.id, options.validation), wanted)


@pytest.mark.parametrize(("name", "style"), [("jsonl", "lists"), ("webdataset", "")])
@settings(max_examples=8)
@given(
    num_codebooks=st.integers(1, 3), pattern=st.sampled_from(PATTERNS), is_deduplicated=st.booleans(),
    validation=st.sampled_from([0.0, 0.4]),
)  # fmt: skip
def test_grids_give_back_the_codes_of_every_row(name, style, store, **chosen):
    with tempfile.TemporaryDirectory() as folder:
        export_store(store, Path(folder) / "out", ExportOptions(name, style, is_grid=True, **chosen))
        back = codes_in(Path(folder) / "out")
        assert check_export(Path(folder) / "out", store).num_documents == len(back)
    assert {row.id: row.codes[: chosen["num_codebooks"]].tolist() for row in store} == {
        row_id: codes for row_id, (_, codes) in back.items()
    }


@pytest.mark.parametrize(("name", "style"), KINDS)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(name, style, store, text_tokenizer, tmp_path):
    """Grids in a stream of tokens; pieces of a text, which have no names, in formats of names."""
    holds_grids, has_names = name == "webdataset" or style == "lists", style in ("tokens", "speechgpt")
    if not holds_grids:
        with pytest.raises(VqaudioError, match="jsonl lists, webdataset"):
            export_store(store, tmp_path / "out", ExportOptions(name, style, is_grid=True))
    else:
        with pytest.raises(VqaudioError, match="text tokenizer"):
            export_store(store, tmp_path / "out", ExportOptions(name, style, is_grid=True), extend=text_tokenizer)
    if has_names:
        with pytest.raises(VqaudioError, match="jsonl --style lists"):
            export_store(store, tmp_path / "out", ExportOptions(name, style, prefix=("text",)), extend=text_tokenizer)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("chosen", [{"bpe_merges": 1}, {"context_tokens": 8}, {"has_eos": True}, {"prefix": ("text",)}])
def test_a_grid_has_no_place_for_single_tokens(chosen):
    with pytest.raises(VqaudioError, match="a row for each codebook"):
        ExportOptions("webdataset", is_grid=True, **chosen)


@pytest.mark.parametrize("first", list(FORMATS))
def test_no_document_crosses_the_split_even_where_documents_are_joined(first, store, tmp_path):
    style = FORMATS[first].styles[0]
    export_store(store, tmp_path / "out", ExportOptions(first, style, validation=0.4, context_tokens=16))
    speakers = {split: {entry.speaker for entry, _ in read_export(tmp_path / "out", split)} for split in SPLITS}
    assert not {name for name in speakers["train"] & speakers["validation"] if name}
    assert all(speakers.values())


def test_merged_units_make_shorter_documents_of_the_same_codes(make_store, make_rows, tmp_path):
    store = make_store(make_rows(25))
    counts = {}
    for merges in (0, 20):
        out = tmp_path / str(merges)
        record = export_store(store, out, ExportOptions("nanogpt", num_codebooks=1, bpe_merges=merges))
        counts[merges] = sum(split["tokens"] for split in record.counts.values())
        assert len(record.vocabulary.merges) == merges
    assert counts[20] < 0.8 * counts[0]
    assert codes_in(tmp_path / "0") == codes_in(tmp_path / "20")


def test_merges_are_found_in_training_documents_only(make_store, tmp_path):
    pairs = {"train": [0, 1], "validation": [2, 3]}
    rows = []
    for number in range(20):
        pair = pairs[split_of(f"s{number}", "", 0.5)]
        codes = np.tile(pair, 10)[None].repeat(3, axis=0).astype(np.uint16)
        rows.append(TokenRow(f"{number}.wav", codes, 20 * 320, 16_000, 0.4, f"s{number}"))
    options = ExportOptions("nanogpt", num_codebooks=1, bpe_merges=4, validation=0.5)
    record = export_store(make_store(rows), tmp_path / "out", options)
    assert {unit for units in record.vocabulary.merges for unit in units} == {0, 1}
    assert all(counts["documents"] for counts in record.counts.values())


def test_of_one_codebook_ids_are_codes(store, tmp_path):
    export_store(store, tmp_path / "out", ExportOptions("nanogpt", num_codebooks=1, validation=0))
    stream = np.fromfile(tmp_path / "out" / "train.bin", dtype=np.uint16)
    assert stream.tolist() == np.concatenate([row.codes[0] for row in store]).tolist()
