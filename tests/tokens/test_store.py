import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from vqaudio.core.durable import sha256_of
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens import shards
from vqaudio.tokens import store as token_store
from vqaudio.tokens.schema import CodecStamp, TokenRow, rows_of
from vqaudio.tokens.shards import ids_in, open_shard, rows_in
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 4, 1_024)


def row(number: int) -> TokenRow:
    rng = np.random.default_rng(number)
    num_samples = int(rng.integers(1, 20_000))
    codes = rng.integers(0, 1_024, (4, STAMP.grid.num_frames(num_samples)))
    return TokenRow(f"ünï/{number:03d}.wav", codes, num_samples, 44_100, num_samples / 16_000, "anna", 'a, "b"\n')


@pytest.fixture
def store_dir(tmp_path) -> Path:
    with TokenWriter(tmp_path / "tokens", STAMP, rows_per_shard=7) as writer:
        for number in range(20):
            writer.append(row(number))
        writer.fail("broken.wav", "not audio", seconds=None)
    return tmp_path / "tokens"


def test_rows_come_back_in_order_and_by_their_id(store_dir):
    store = TokenStore.open(store_dir, STAMP)
    assert len(list(store)) == len(store) == store.num_rows == 20
    assert store.ids() == [row(number).id for number in range(20)]
    for number, found in enumerate(store):
        wanted = row(number)
        for one in (found, store.row(wanted.id)):
            assert np.array_equal(one.codes, wanted.codes)
            assert one.codes.dtype == np.uint16
            assert {**vars(one), "codes": 0} == {**vars(wanted), "codes": 0}


def test_a_row_is_read_by_its_place_and_by_its_id(store_dir):
    store = TokenStore.open(store_dir)
    for place in (0, 6, 7, 19, -1, -20):
        wanted = row(place % 20)
        for found in (store[place], store[wanted.id]):
            assert (found.id, found.codes.tolist()) == (wanted.id, wanted.codes.tolist())
    for place in (20, -21):
        with pytest.raises(IndexError, match=f"row {place} of a store of 20"):
            store[place]
    with pytest.raises(VqaudioError, match="has no row 'other'"):
        store["other"]


def test_the_manifest_counts_what_the_rows_hold(store_dir):
    content = json.loads((store_dir / "vqaudio.json").read_text())
    rows = [row(number) for number in range(20)]
    frames = sum(one.codes.shape[1] for one in rows)
    samples = sum(one.num_samples for one in rows)
    assert content["codec"] == STAMP.to_json()
    assert content["counts"] == {
        "rows": 20,
        "samples": samples,
        "seconds": samples / 16_000,
        "frames": frames,
        "codes": 4 * frames,
        "failures": 1,
    }
    assert [shard["num_rows"] for shard in content["shards"]] == [7, 7, 6]


def test_the_failures_are_told(store_dir):
    assert TokenStore.open(store_dir).failures() == [{"id": "broken.wav", "reason": "not audio", "seconds": None}]
    with open(store_dir / "failures.jsonl", "a") as log:  # as a run writes them, in its own order
        log.write('{"id": "z.wav", "reason": "x"}\n{"id": "a.wav", "reason": "y"}\n')
    assert [one["id"] for one in TokenStore.open(store_dir).failures()] == ["a.wav", "broken.wav", "z.wav"]


def test_an_unknown_id_is_answered_with_known_ones(store_dir):
    with pytest.raises(VqaudioError, match=r"no row 'x'; it has 'ünï/000.wav'"):
        TokenStore.open(store_dir).row("x")


def test_another_codec_is_refused_and_fewer_codebooks_are_not(store_dir):
    TokenStore.open(store_dir, replace(STAMP, num_codebooks=8, name="whole"))
    with pytest.raises(VqaudioError, match=r"made by speech .* not by other"):
        TokenStore.open(store_dir, replace(STAMP, name="other", weights_sha256="0" * 64))


def test_a_folder_that_is_no_store_says_how_to_make_one(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(VqaudioError, match="vqaudio tokenize"):
            TokenStore.open(folder)


DAMAGED = ("", "[]", "{}", '{"format_version": 1, "shards": [{}]}', "\x00", "[" * 100_000)


@pytest.mark.parametrize("text", [*DAMAGED, '{"format_version": 1}', '{"shards": []}'])
def test_a_damaged_manifest_is_refused_in_words(store_dir, text):
    (store_dir / "vqaudio.json").write_text(text)
    with pytest.raises(VqaudioError, match=r"vqaudio\.json"):
        TokenStore.open(store_dir)


def test_a_manifest_that_cannot_be_opened_is_told_in_words(tmp_path):
    (tmp_path / "vqaudio.json").mkdir()
    with pytest.raises(VqaudioError, match=r"vqaudio\.json cannot be read"):
        TokenStore.open(tmp_path)


@pytest.mark.parametrize("version", [4, 99])
def test_a_store_of_a_later_version_is_refused(store_dir, version):
    content = json.loads((store_dir / "vqaudio.json").read_text())
    (store_dir / "vqaudio.json").write_text(json.dumps({**content, "format_version": version}))
    with pytest.raises(VqaudioError, match=rf"format {version}.*upgrade"):
        TokenStore.open(store_dir)


def test_a_missing_a_shortened_and_a_longer_shard_are_named(store_dir):
    path = store_dir / "data" / "part-00001.parquet"
    content = path.read_bytes()
    path.write_bytes(content)
    opened = TokenStore.open(store_dir)
    for spoil, said in (
        (lambda: path.write_bytes(content[:-1]), rf"part-00001.parquet has {len(content) - 1} bytes"),
        (lambda: path.write_bytes(content + b"x"), rf"part-00001.parquet has {len(content) + 1} bytes"),
        (path.unlink, r"part-00001.parquet is missing \(1 of its shards\)"),
    ):
        spoil()
        with pytest.raises(VqaudioError, match=said):
            TokenStore.open(store_dir)
        with pytest.raises(VqaudioError, match=said):
            TokenWriter(store_dir, STAMP, mode="resume")
    with pytest.raises(VqaudioError, match=r"part-00001.parquet cannot be read"):  # gone while it is read
        list(opened)


def test_of_many_missing_shards_three_are_named_and_all_are_counted(tmp_path):
    with TokenWriter(tmp_path, STAMP, rows_per_shard=1) as writer:
        for number in range(5):
            writer.append(row(number))
    for path in tmp_path.glob("data/*.parquet"):
        path.unlink()
    with pytest.raises(VqaudioError, match=r"part-00002.parquet is missing \(5 of its shards\)"):
        TokenStore.open(tmp_path)


def test_a_manifest_is_text_that_one_reads(tmp_path):
    with TokenWriter(tmp_path, replace(STAMP, name="Ünï 語")):
        pass
    text = (tmp_path / "vqaudio.json").read_text(encoding="utf-8")
    assert '"Ünï 語"' in text
    assert text.endswith("}\n")


def test_a_shard_is_hashed_once_in_a_process_and_again_where_it_or_its_manifest_has_changed(store_dir, monkeypatch):
    hashed = []
    monkeypatch.setattr(shards, "sha256_of", lambda path: hashed.append(path.name) or sha256_of(path))
    for _ in range(2):
        assert len(list(TokenStore.open(store_dir))) == 20
    names = [f"part-0000{number}.parquet" for number in range(3)]
    assert hashed == names
    os.utime(store_dir / "data" / names[1], ns=(0, 0))
    assert len(list(TokenStore.open(store_dir))) == 20
    assert hashed == [*names, names[1]]
    store = TokenStore.open(store_dir)
    other = replace(store.manifest.shards[0], sha256="0" * 64)
    with pytest.raises(VqaudioError, match="its SHA-256 is not that of the manifest"):
        list(TokenStore(store_dir, store.manifest.with_shard_anew(0, other)))


def test_ids_are_read_once_for_all_rows_that_are_asked_for(store_dir, monkeypatch):
    read = []
    monkeypatch.setattr(token_store, "ids_in", lambda folder, shard: read.append(shard.path) or ids_in(folder, shard))
    store = TokenStore.open(store_dir)
    for number in (3, 17, 3):
        assert store.row(row(number).id).id == row(number).id
    assert len(read) == len(set(read)) == 3


def test_memory_does_not_grow_with_a_shard(tmp_path, monkeypatch):
    """Rows are read in groups of 256 at most to get at one, and held by 16 at a time in order."""
    with TokenWriter(tmp_path, STAMP) as writer:
        for number in range(300):
            writer.append(replace(row(0), id=f"{number:03d}", codes=np.zeros((4, 1), int), num_samples=1))
    (path,) = tmp_path.glob("data/*.parquet")
    metadata = pq.read_metadata(path)
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [256, 44]
    assert {metadata.row_group(0).column(column).compression for column in range(7)} == {"ZSTD"}
    sizes = []
    monkeypatch.setattr(shards, "rows_of", lambda batch, stamp: sizes.append(batch.num_rows) or rows_of(batch, stamp))
    assert [one.id for one in TokenStore.open(tmp_path)] == [f"{number:03d}" for number in range(300)]
    assert max(sizes) == 16


def test_one_changed_byte_is_found_by_verify(store_dir):
    TokenStore.open(store_dir).verify()
    path = store_dir / "data" / "part-00002.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(VqaudioError, match=r"1 of 3 shards .* data/part-00002"):
        TokenStore.open(store_dir).verify()


def test_a_shard_that_is_not_parquet_is_refused_in_words(store_dir):
    path = store_dir / "data" / "part-00000.parquet"
    path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(VqaudioError, match="has changed since it was written"):
        list(TokenStore.open(store_dir))


def test_arrow_reads_the_folder_as_it_is(store_dir):
    table = pyarrow.dataset.dataset(store_dir / "data").to_table()
    assert table.column_names == ["id", "num_samples", "source_rate_hz", "seconds", "speaker", "text", "codes"]
    assert str(table.schema.field("codes").type) == "list<element: list<element: uint16>>"
    assert np.array_equal(np.array(table.column("codes")[3].as_py()), row(3).codes)


def test_huggingface_datasets_read_the_folder_as_it_is(store_dir, tmp_path):
    pytest.importorskip("datasets", reason="pip install datasets")
    code = (
        "import sys, json, datasets; d = datasets.load_dataset('parquet', data_files=sys.argv[1] + '/*.parquet', "
        "split='train', cache_dir=sys.argv[2]); print(json.dumps([list(d['id']), d[3]['codes']]))"
    )
    folders = [str(store_dir / "data"), str(tmp_path / "cache")]
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", code, *folders]
    done = subprocess.run(command, capture_output=True, text=True, env=offline, check=True)
    ids, codes = json.loads(done.stdout.splitlines()[-1])
    assert ids == [row(number).id for number in range(20)]
    assert np.array_equal(np.array(codes), row(3).codes)


@pytest.mark.parametrize("library", ["pandas", "polars", "duckdb"])
def test_other_table_libraries_read_the_folder_as_it_is(store_dir, library):
    module = pytest.importorskip(library, reason=f"pip install {library}")
    if library == "pandas":
        ids = list(module.read_parquet(store_dir / "data")["id"])
    elif library == "polars":
        ids = module.read_parquet(store_dir / "data" / "*.parquet")["id"].to_list()
    else:
        ids = [found for (found,) in module.sql(f"SELECT id FROM '{store_dir}/data/*.parquet' ORDER BY id").fetchall()]
    assert sorted(ids) == [row(number).id for number in range(20)]


def test_reading_a_store_loads_neither_torch_nor_a_codec():
    code = "import sys, vqaudio.tokens.store; sys.exit('torch' in sys.modules or 'vqaudio.codec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def flipped(path: Path, position: int, to: Path) -> None:
    """A copy of a file with one bit of one byte turned over."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1 << (position % 8)
    to.write_bytes(content)


def test_one_flipped_bit_anywhere_in_a_shard_is_an_error_and_never_other_codes(tmp_path):
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        for number in range(30):
            writer.append(row(number))
    shard = tmp_path / "tokens" / "data" / "part-00000.parquet"
    whole = shard.read_bytes()
    for position in np.random.default_rng(0).integers(0, len(whole), 60).tolist():
        shard.write_bytes(whole)
        flipped(shard, position, shard)
        for read in (list, TokenStore.ids):
            with pytest.raises(VqaudioError, match="has changed since it was written"):
                read(TokenStore.open(tmp_path / "tokens"))
        with pytest.raises(VqaudioError):
            TokenWriter(tmp_path / "tokens", STAMP, mode="resume")
    shard.write_bytes(whole)
    assert len(list(TokenStore.open(tmp_path / "tokens"))) == 30


def test_a_page_that_was_changed_is_noticed_by_its_checksum_alone(tmp_path):
    """As by a program that reads the shard without its manifest."""
    with TokenWriter(tmp_path / "tokens", STAMP) as writer:
        for number in range(30):
            writer.append(row(number))
    shard = tmp_path / "tokens" / "data" / "part-00000.parquet"
    column = pq.ParquetFile(shard).metadata.row_group(0).column(6)
    middle = column.data_page_offset + column.total_compressed_size // 2
    flipped(shard, middle, shard)
    with open_shard(shard) as file, pytest.raises(VqaudioError, match="damaged"):
        list(rows_in(file, STAMP))


def test_a_store_as_a_data_frame_has_every_field_of_every_row(store_dir):
    pytest.importorskip("pandas")
    store = TokenStore.open(store_dir)
    frame = store.to_pandas()
    assert len(frame) == 20
    for wanted, (_, found) in zip(store, frame.iterrows(), strict=True):
        assert np.array_equal(found["codes"], wanted.codes)
        kept = {name: value for name, value in vars(wanted).items() if not name.startswith("pitch")}
        assert {**found.to_dict(), "codes": 0} == {**kept, "codes": 0}


def test_a_store_as_a_dataset_gives_the_same_codes(store_dir):
    pytest.importorskip("datasets")
    store = TokenStore.open(store_dir)
    dataset = store.to_dataset()
    assert dataset.column_names == ["id", "num_samples", "source_rate_hz", "seconds", "speaker", "text", "codes"]
    assert dataset["id"] == store.ids()
    for wanted, codes in zip(store, dataset["codes"], strict=True):
        assert np.array_equal(np.array(codes), wanted.codes)


def test_an_empty_store_is_an_empty_table(tmp_path):
    with TokenWriter(tmp_path / "tokens", STAMP):
        pass
    table = TokenStore.open(tmp_path / "tokens").to_arrow()
    assert (table.num_rows, table.column_names[-1]) == (0, "codes")


def test_a_damaged_shard_is_no_table(store_dir):
    path = next((store_dir / "data").glob("part-*.parquet"))
    path.write_bytes(path.read_bytes()[:-9] + b"\0" * 9)
    with pytest.raises(VqaudioError, match="has changed since it was written"):
        TokenStore.open(store_dir).to_arrow()
