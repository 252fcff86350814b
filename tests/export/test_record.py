"""The record of an export: written and read it is the same, and what it cannot be is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export.merging import UnitMerges
from vqaudio.export.options import ExportOptions
from vqaudio.export.record import FORMAT_VERSION, RECORD, ExportRecord
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.vocabulary import Vocabulary

STAMP = CodecStamp("tiny", "0" * 64, 16_000, 320, 2, 4)
COUNTS = {"train": {"documents": 3, "sequences": 2, "tokens": 40, "seconds": 1.5}}


def record_of(vocabulary: Vocabulary, **options) -> ExportRecord:
    return ExportRecord(ExportOptions("nanogpt", **options), STAMP, vocabulary, COUNTS, "abc")


@pytest.mark.parametrize("has_pad", [False, True])
@pytest.mark.parametrize("has_merges", [False, True])
def test_a_record_is_read_as_it_was_written(tmp_path: Path, has_pad: bool, has_merges: bool) -> None:
    merges: tuple[tuple[int, ...], ...] = ()
    if has_merges:
        pytest.importorskip("tokenizers")
        trained = UnitMerges.train([np.tile([0, 1, 2, 3], 50)], 8 + has_pad, 2)
        trained.save(tmp_path)
        merges = ((0, 1), (2, 3))
    vocabulary = Vocabulary(8, has_pad, merges, has_bytes=has_pad, speakers=("ada", "Zoë"), offset=5 * has_pad)
    record = record_of(vocabulary, prefix=("speaker",), validation=0.25)
    record.write(tmp_path)
    assert ExportRecord.read(tmp_path) == record
    stored = json.loads((tmp_path / RECORD).read_text(encoding="utf-8"))
    assert stored["vocabulary"]["size"] == vocabulary.size
    assert stored["vocabulary"]["num_merges"] == len(merges)
    assert stored["splits"] == COUNTS


def test_a_record_of_an_older_version_has_no_digest_and_of_a_later_one_is_refused(tmp_path: Path) -> None:
    record_of(Vocabulary(8)).write(tmp_path)
    content = json.loads((tmp_path / RECORD).read_text())
    del content["digest"]
    (tmp_path / RECORD).write_text(json.dumps(content))
    assert ExportRecord.read(tmp_path).digest == ""
    (tmp_path / RECORD).write_text(json.dumps({**content, "format_version": FORMAT_VERSION + 1}))
    with pytest.raises(VqaudioError, match=f"is of format {FORMAT_VERSION + 1}, this vqaudio reads up to"):
        ExportRecord.read(tmp_path)
    for wrong in ("{", "[]", "{}", json.dumps({**content, "vocabulary": None})):
        (tmp_path / RECORD).write_text(wrong)
        with pytest.raises(VqaudioError, match=r"export\.json cannot be read"):
            ExportRecord.read(tmp_path)
    with pytest.raises(VqaudioError, match=r"holds no export\.json: it is no finished export"):
        ExportRecord.read(tmp_path / "none")


def test_merges_of_other_units_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    UnitMerges.train([np.tile([0, 1], 50)], 6, 1).save(tmp_path)
    record_of(Vocabulary(8, merges=((0, 1),))).write(tmp_path)
    with pytest.raises(VqaudioError, match="does not begin with the 8 units; export again"):
        ExportRecord.read(tmp_path)
