"""Whatever stands in the place of sampled ids: codes of whole frames, counts, or a sentence, and no traceback."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio import codes_from_ids
from vqaudio.core.errors import VqaudioError
from vqaudio.export.inverse.frames import whole_frames
from vqaudio.export.options import ExportOptions
from vqaudio.export.record import ExportRecord
from vqaudio.export.run import export_store
from vqaudio.tokens.patterns import PATTERNS, to_units

SIZE, BOOKS = 8, 3
EXPORTS = {
    **{pattern: {"pattern": pattern} for pattern in PATTERNS},
    "ends": {"pattern": "delayed", "has_bos": True, "has_eos": True, "prefix": ("speaker", "text")},
    "merged": {"pattern": "delayed", "bpe_merges": 5, "is_deduplicated": True},
    "grid": {"pattern": "delayed", "is_grid": True},
}


@pytest.fixture(scope="module", params=EXPORTS)
def record(request, store, tmp_path_factory) -> ExportRecord:
    out = tmp_path_factory.mktemp("exports") / request.param
    return export_store(store, out, ExportOptions("jsonl", "lists", validation=0, **EXPORTS[request.param]))


numbers = st.one_of(
    st.integers(-3, 60), st.integers(), st.floats(), st.none(), st.booleans(), st.text(max_size=3), st.just(2**70)
)


@settings(max_examples=30)
@given(rows=st.lists(st.lists(numbers, max_size=40), max_size=3))
def test_lists_of_anything_are_codes_or_a_sentence(record, rows):
    check(record, lambda: codes_from_ids(rows, record))


@settings(max_examples=15)
@given(
    seed=st.integers(0, 99),
    kind=st.sampled_from(["i1", "u8", "f2", "f8", "?", "U3", "O", "c8"]),
    ndim=st.integers(0, 4),
)
def test_arrays_of_anything_are_codes_or_a_sentence(record, seed, kind, ndim):
    values = np.random.default_rng(seed).integers(0, 60, (3, 3, 2, 12)[4 - ndim :]).astype(kind)
    if kind in ("f2", "f8") and values.size:
        values.flat[0] = np.nan
    check(record, lambda: codes_from_ids(values, record))


@settings(max_examples=40)
@given(content=st.binary(max_size=60) | st.text('<>|s_1 2[],-\n{}:"input_ids', max_size=60).map(str.encode))
@pytest.mark.parametrize("suffix", [".npy", ".bin", ".jsonl", ".parquet", ".txt", ".pt", ""])
def test_files_of_anything_are_codes_or_a_sentence(suffix, content, store, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "garbage"
    if not folder.exists():
        export_store(store, folder, ExportOptions("jsonl", "lists", validation=0))
    path = folder.with_name(f"file{suffix}")
    path.write_bytes(content)
    check(None, lambda: codes_from_ids(path, folder))


def check(record, recover) -> None:
    try:
        found = recover()
    except VqaudioError as error:
        return print(error)  # a sentence
    for codes in found.codes:
        assert codes.dtype == np.uint16
        assert (len(codes), codes.size > 0, int(codes.max()) < SIZE) == (BOOKS, True, True)
    if record is None or not (record.options.bpe_merges or record.options.is_grid):
        num_kept = sum(codes.size for codes in found.codes)
        assert num_kept + found.num_broken + found.num_unknown + found.num_marks <= found.num_ids  # padding is the rest


@pytest.mark.parametrize("pattern", PATTERNS)
@given(seed=st.integers(0, 999), place=st.integers(0, 60), is_cut=st.booleans())
def test_frames_before_the_place_where_a_stream_breaks_are_kept(pattern, seed, place, is_cut):
    """One unit is lost, or all from it on: the whole frames before it stay as they are, and none is made up."""
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, SIZE, (BOOKS, 20))
    units = to_units(codes, pattern, SIZE)
    left = units[:place] if is_cut else np.delete(units, place)
    found = whole_frames(left, pattern, BOOKS, SIZE)
    frames = np.concatenate(found, axis=1).T.tolist() if found else []
    wanted = codes.T.tolist()
    places = {"flattened": place // BOOKS, "parallel": place // BOOKS, "delayed": place // BOOKS - 2}
    num_before = places.get(pattern, (place - 20) // 2)
    assert frames[: max(0, num_before)] == wanted[: max(0, num_before)]
    if pattern in ("flattened", "parallel") and not is_cut:
        assert frames == wanted[:num_before] + wanted[num_before + 1 :]
    if pattern == "delayed" and not is_cut:
        assert all(frame in wanted for frame in frames)
        assert len(frames) >= 20 - 2 * BOOKS
    if is_cut:
        assert len(frames) == max(0, num_before)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.array([True]), "whole numbers"),
        (np.array({}, dtype=object), "axes"),
        (np.zeros((2, 2, 2)), "1 or 2 axes"),
        ([[1], {}], "wanted a list of ids"),
        ([[1, [2]]], "wanted a list of ids"),
        (17, "no array of ids"),
        ([[[1, 2], [3]]], "rows of one length"),
        ([[[1, 2]]], "3 rows of one length"),
        (Path("nowhere.npy"), "no file"),
    ],
)
def test_what_holds_no_ids_is_refused_with_what_was_wanted(source, message, store, tmp_path):
    export_store(store, tmp_path / "out", ExportOptions("nanogpt", validation=0))
    with pytest.raises(VqaudioError, match=message):
        codes_from_ids(source, tmp_path / "out")


def test_no_pickle_is_loaded(store, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    export_store(store, tmp_path / "out", ExportOptions("nanogpt", validation=0))
    np.save(tmp_path / "objects.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    for name in ("objects.npy", "ids.pt", "ids.pkl", "plain.npy", "none", "ids.parquet", "ids.jsonl"):
        if name != "objects.npy":
            (tmp_path / name).write_bytes(pickle.dumps(Evil()))
        with pytest.raises(VqaudioError):
            codes_from_ids(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "ran").exists()


def test_a_folder_that_is_no_export_is_refused(tmp_path):
    with pytest.raises(VqaudioError, match="no finished export"):
        codes_from_ids([1], tmp_path)


def test_nothing_is_nothing(store, tmp_path):
    export_store(store, tmp_path / "out", ExportOptions("nanogpt", validation=0))
    for name in ("ids.bin", "ids.txt", "ids.jsonl"):
        (tmp_path / name).touch()
        assert codes_from_ids(tmp_path / name, tmp_path / "out").codes == ()
    assert codes_from_ids([], tmp_path / "out").codes == ()
