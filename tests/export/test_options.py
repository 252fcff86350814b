"""Options of an export: what is accepted and what is not, at both ends."""

from typing import Any

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.formats.megatron import MegatronWriter
from vqaudio.export.formats.webdataset import WebDatasetWriter, read_webdataset
from vqaudio.export.options import ExportOptions
from vqaudio.export.packing import Cutter, Packer
from vqaudio.tokens.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("name", "accepted", "refused"),
    [
        ("bpe_merges", (0, 1), (-1,)),
        ("context_tokens", (0, 2), (-1, 1)),
        ("validation", (0.0, 0.99), (-0.01, 1.0)),
        ("prefix", ((), ("speaker",), ("text", "speaker")), (("voice",), ("speaker", "voice"))),
        ("pattern", ("parallel", "delayed", "flattened", "coarse-first"), ("zigzag", "")),
    ],
)
def test_values_are_refused_at_both_ends_and_taken_between(name: str, accepted: tuple, refused: tuple) -> None:
    for value in accepted:
        assert getattr(ExportOptions("hf", **{name: value}), name) == value
    for value in refused:
        with pytest.raises(VqaudioError):
            ExportOptions("hf", **{name: value})


@pytest.mark.parametrize(
    "chosen", [{"bpe_merges": 1}, {"context_tokens": 8}, {"has_bos": True}, {"has_eos": True}, {"prefix": ("text",)}]
)
def test_a_grid_goes_with_nothing_that_is_no_code(chosen: dict[str, Any]) -> None:
    assert ExportOptions("jsonl", **chosen) != ExportOptions("jsonl", is_grid=True, is_deduplicated=True)
    with pytest.raises(VqaudioError, match="no place for single tokens"):
        ExportOptions("jsonl", is_grid=True, **chosen)


def test_all_codebooks_are_taken_where_none_are_counted_and_no_more_than_are_stored() -> None:
    assert [ExportOptions("hf", num_codebooks=books).with_codebooks(4).num_codebooks for books in (0, 1, 4)] == [
        4,
        1,
        4,
    ]
    for books in (-1, 5):
        with pytest.raises(VqaudioError, match=f"the store holds 4 codebooks, {books} are wanted"):
            ExportOptions("hf", num_codebooks=books).with_codebooks(4)


@pytest.mark.parametrize(
    ("pattern", "books", "has"), [("delayed", 2, True), ("delayed", 1, False), ("flattened", 2, False)]
)
def test_only_delayed_streams_of_several_codebooks_need_padding(pattern: str, books: int, has: bool) -> None:
    assert ExportOptions("hf", pattern=pattern, num_codebooks=books).has_padding is has


def test_without_a_word_codes_are_flattened_and_a_twentieth_of_the_speakers_held_out() -> None:
    assert ExportOptions("hf") == ExportOptions(
        "hf", "", 0, "flattened", False, False, 0, False, False, (), context_tokens=0, validation=0.05
    )


def test_documents_are_cut_and_joined_to_one_length_and_come_back() -> None:
    documents = [np.arange(5), np.arange(0), np.arange(10, 17), np.arange(1)]
    packer = Packer(4, pad=99)
    sequences = [one for document in documents for one in packer.push(document)]
    rest = Packer(4, pad=99, rest=packer.rest.tolist())  # as after an interruption
    sequences += rest.finish()
    assert rest.finish() == []
    assert [len(one) for one in sequences] == [4] * 4
    assert sequences[-1].tolist() == [0, 99, 99, 99]
    cutter = Cutter(sequences)
    for document in documents:
        assert cutter.take(len(document)).tolist() == document.tolist()
    cutter.require_end(99)
    assert Packer(4, pad=99).finish() == []
    assert [one.tolist() for one in Packer(0, pad=99).push(np.arange(0))] == [[]]  # whole documents, empty ones too


@pytest.mark.parametrize(
    ("left", "pad", "is_clean"),
    [([], None, True), ([], 9, True), ([9, 9], 9, True), ([9, 8], 9, False), ([9], None, False), ([8, 8], 9, False)],
)
def test_after_the_last_document_there_is_padding_or_nothing(left: list[int], pad: int | None, is_clean: bool) -> None:
    for taken in (0, 2):  # between two sequences, and in one
        cutter = Cutter([np.array([1, 2, *left])] if taken else [np.array(left, dtype=int)])
        cutter.take(taken)
        if is_clean:
            cutter.require_end(pad)
        else:
            with pytest.raises(VqaudioError, match="belong to none"):
                cutter.require_end(pad)
    with pytest.raises(VqaudioError, match="end 2 tokens before"):
        Cutter([np.arange(3)]).take(5)


@pytest.mark.parametrize(("num_codes", "code"), [(65_400, 8), (65_466, 8), (65_467, 4)])
def test_megatron_takes_the_type_that_its_own_tools_would(num_codes: int, code: int, tmp_path) -> None:
    """Two bytes below 65,500 tokens: of the vocabulary as it is padded, 65,472 or 65,536."""
    writer = MegatronWriter(tmp_path, "train", Plan(ExportOptions("megatron"), Vocabulary(num_codes)), {})
    writer.close()
    assert (tmp_path / "train.idx").read_bytes()[17] == code


@pytest.mark.parametrize(("num_codes", "num_bytes"), [(65_530, 2), (65_531, 4)])
def test_arrays_have_two_bytes_where_all_tokens_fit(num_codes: int, num_bytes: int, tmp_path) -> None:
    plan = Plan(ExportOptions("webdataset", num_codebooks=1), Vocabulary(num_codes))
    writer = WebDatasetWriter(tmp_path, "train", plan, {})
    last = np.array([0, plan.vocabulary.size - 1])
    writer.write(TokenSequence("train", 0, last))
    writer.close()
    (back,) = read_webdataset(tmp_path, "train", plan)
    assert (back.tolist(), back.dtype.itemsize) == (last.tolist(), num_bytes)


def test_archives_after_the_one_that_goes_on_are_removed(tmp_path) -> None:
    plan = Plan(ExportOptions("webdataset", num_codebooks=1), Vocabulary(8))
    for number in (0, 1, 2):
        (tmp_path / f"train-{number:06d}.tar").write_bytes(b"x" * 512)
    (tmp_path / "validation-000002.tar").write_bytes(b"x")
    WebDatasetWriter(tmp_path, "train", plan, {"shard": 1, "num_bytes": 512})
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["train-000000.tar", "train-000001.tar", "validation-000002.tar"]
