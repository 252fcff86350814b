"""What the vocabulary of an export holds, and which documents its merges are learnt from."""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export import planning
from vqaudio.export.documents import units_of
from vqaudio.export.formats.interface import Plan
from vqaudio.export.formats.nanogpt import read_nanogpt
from vqaudio.export.formats.table import require_fit
from vqaudio.export.options import ExportOptions
from vqaudio.export.planning import make_coder
from vqaudio.tokens.schema import TokenRow


@pytest.fixture
def store(make_store):
    generator = np.random.default_rng(0)
    rows = [
        TokenRow(f"{place}.wav", generator.integers(0, 8, (3, 20)).astype(np.uint16), 6400, 16_000, 0.4,
                 f"s{place % 20}", "some text")
        for place in range(60)
    ]  # fmt: skip
    return make_store(rows)


def vocabulary(store, folder: Path, extend: Path | None = None, **chosen):
    options = ExportOptions("hf", **{"num_codebooks": 1, **chosen})
    return make_coder(store, options, folder, extend).vocabulary


def test_text_has_bytes_of_its_own_unless_a_text_tokenizer_reads_it(store, text_tokenizer, tmp_path: Path) -> None:
    size = store.stamp.codebook_size
    assert vocabulary(store, tmp_path, prefix=("text",)).has_bytes
    assert not vocabulary(store, tmp_path).has_bytes
    extended = vocabulary(store, tmp_path, text_tokenizer, prefix=("text",))
    assert (extended.has_bytes, extended.offset, extended.num_codes) == (False, 257, size)
    assert vocabulary(store, tmp_path, num_codebooks=3).num_codes == 3 * size
    assert vocabulary(store, tmp_path, num_codebooks=3, pattern="delayed").has_pad
    speakers = vocabulary(store, tmp_path, prefix=("speaker",)).speakers
    assert speakers == tuple(f"s{place}" for place in range(20))
    assert vocabulary(store, tmp_path).speakers == ()


def test_merges_are_learnt_from_so_much_of_the_training_speech_and_none_that_is_held_out(store, monkeypatch) -> None:
    options = ExportOptions("hf", num_codebooks=1, validation=0.3)
    size = store.stamp.codebook_size
    held_out = {row.speaker for row in store if planning.split_of(row.speaker, row.id, 0.3) != "train"}
    training = [units_of(row, options, size)[0].tolist() for row in store if row.speaker not in held_out]
    assert 0 < len(held_out) < 20
    for share, least, most in ((1.0, len(training), len(training)), (0.5, 1, len(training) - 1), (0.0, 0, 0)):
        monkeypatch.setattr(planning, "MERGE_SAMPLE_UNITS", round(share * 60 * 20))
        sampled = [units.tolist() for units in planning._sample(store, options)]
        assert least <= len(sampled) <= most
        assert all(units in training for units in sampled)
        assert sampled == [units.tolist() for units in planning._sample(store, options)]


def test_only_text_needs_a_format_of_numbers_beside_a_text_tokenizer() -> None:
    require_fit(ExportOptions("jsonl", "tokens"), is_extending=True)
    require_fit(ExportOptions("jsonl", "tokens", prefix=("text",)), is_extending=False)
    require_fit(ExportOptions("jsonl", "lists", prefix=("text",)), is_extending=True)
    with pytest.raises(VqaudioError, match="writes tokens by name"):
        require_fit(ExportOptions("jsonl", "tokens", prefix=("text",)), is_extending=True)


@pytest.mark.parametrize("is_grid", [False, True])
def test_an_array_of_another_shape_is_no_sequence(store, tmp_path: Path, is_grid: bool) -> None:
    options = ExportOptions("jsonl", "lists", num_codebooks=3, pattern="parallel", is_grid=is_grid)
    plan = Plan(options, make_coder(store, options, tmp_path, None).vocabulary)
    tokens = np.arange(12)
    written = plan.shaped(tokens)
    assert written.shape == ((3, 4) if is_grid else (12,))
    assert np.array_equal(plan.flat(written), tokens)
    for wrong in (tokens.reshape(3, 4)[:2], tokens.reshape(3, 2, 2), tokens.reshape(3, 4), tokens):
        if wrong.shape != written.shape:
            with pytest.raises(ValueError, match="an array of shape"):
                plan.flat(wrong)


def test_a_stream_of_half_a_number_is_damaged(tmp_path: Path) -> None:
    for data, wanted in ((b"", []), (b"\1\0\2\0", [1, 2])):
        (tmp_path / "train.bin").write_bytes(data)
        assert [int(one) for part in read_nanogpt(tmp_path, "train", None) for one in part] == wanted  # type: ignore[arg-type]
    (tmp_path / "train.bin").write_bytes(b"\1\0\2")
    with pytest.raises(VqaudioError, match="an odd number of bytes"):
        list(read_nanogpt(tmp_path, "train", None))  # type: ignore[arg-type]
