"""Damage is found, named and mended."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from vqaudio.cli.main import main
from vqaudio.codec.saving import save_codec
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

METADATA = "path,speaker,text\n"


@pytest.fixture
def store(tiny_codec: Path, recordings: Path, tmp_path: Path, monkeypatch) -> Path:
    """Shards of two recordings each, with speakers and texts."""
    monkeypatch.setitem(TokenWriter.__init__.__kwdefaults__, "rows_per_shard", 2)
    table = tmp_path / "metadata.csv"
    names = [str(path.relative_to(recordings)) for path in sorted(recordings.rglob("*")) if path.is_file()]
    table.write_text(METADATA + "".join(f"{name},s{number},said {number}\n" for number, name in enumerate(names)))
    out = tmp_path / "store"
    command = ["tokenize", str(recordings), "--out", str(out), "--codec", str(tiny_codec), "--metadata", str(table)]
    main([*command, "--workers", "0", "--quiet", "--max-failures", "99"])
    return out


@pytest.fixture
def verify(tiny_codec: Path, recordings: Path, store: Path, capsys) -> Callable[..., tuple[int, str]]:
    def call(*options: str, audio: Path = recordings) -> tuple[int, str]:
        mending = ["--repair", "--audio", str(audio), "--codec", str(tiny_codec), "--workers", "0"]
        status = main(["verify", str(store), *(mending if "--repair" in options else [])])
        return status, "".join(capsys.readouterr())

    return call


def rows_of(store: Path) -> list[tuple]:
    return [(row.id, row.codes.tolist(), row.speaker, row.text, row.num_samples) for row in TokenStore.open(store)]


def flip_a_code(path: Path) -> None:
    with pq.ParquetFile(path) as file:
        codes = file.metadata.row_group(0).column(file.metadata.num_columns - 1)
    content = bytearray(path.read_bytes())
    content[codes.data_page_offset + codes.total_compressed_size // 2] ^= 16
    path.write_bytes(bytes(content))


def test_a_whole_store_is_whole(verify, store):
    num_shards = len(list(store.glob("data/part-*")))
    status, told = verify()
    assert (status, f"{num_shards} of {num_shards} are whole" in told) == (0, True)


def test_a_flipped_bit_is_named_with_its_shard_and_ids_and_mended_to_the_same_bytes(verify, store):
    path, before = store / "data" / "part-00001.parquet", rows_of(store)
    whole = path.read_bytes()
    flip_a_code(path)
    status, told = verify()
    assert status == 1
    assert "data/part-00001.parquet: has changed since it was written" in told
    assert all(row[0] in told for row in before[2:4])
    assert before[0][0] not in told
    assert verify("--repair")[0] == 0
    assert path.read_bytes() == whole
    assert rows_of(store) == before
    assert verify()[0] == 0


def test_a_store_of_the_first_codebooks_is_mended_with_as_many(tiny_codec, recordings, tmp_path, capsys):
    store, codec = tmp_path / "coarse", ["--codec", str(tiny_codec), "--workers", "0", "--quiet"]
    main(["tokenize", str(recordings), "--out", str(store), "--codebooks", "2", "--max-failures", "99", *codec])
    (path,), before = list(store.glob("data/part-*")), rows_of(store)
    whole = path.read_bytes()
    flip_a_code(path)
    assert main(["verify", str(store), "--repair", "--audio", str(recordings), *codec]) == 0
    assert {len(row[1]) for row in before} == {2}
    assert path.read_bytes() == whole


@pytest.mark.parametrize("damage", ["gone", "empty", "noise"])
def test_a_shard_that_tells_nothing_gets_the_recordings_that_no_other_has(verify, store, damage):
    path, before = store / "data" / "part-00001.parquet", rows_of(store)
    path.unlink()
    if damage != "gone":
        path.write_bytes(b"" if damage == "empty" else b"x" * 5_000)
    status, told = verify()
    assert (status, "ids: cannot be read" in told) == (1, True)
    assert verify("--repair")[0] == 0
    codes = {row[0]: row[1] for row in before}
    assert {row[0]: row[1] for row in rows_of(store)} == codes
    assert verify()[0] == 0


@pytest.mark.parametrize("second", ["gone", "flipped"])
def test_two_damaged_shards_share_no_recording_when_they_are_mended(verify, store, second):
    paths, before = [store / "data" / f"part-0000{number}.parquet" for number in (1, 2)], rows_of(store)
    paths[0].unlink()
    if second == "gone":
        paths[1].unlink()
    else:
        flip_a_code(paths[1])  # its ids can be read
    assert verify("--repair")[0] == 0
    assert sorted(row[0] for row in rows_of(store)) == sorted(row[0] for row in before)
    assert verify()[0] == 0


def test_a_recording_that_is_gone_is_lost_in_words_and_the_rest_is_mended(verify, store, recordings, tmp_path):
    before = rows_of(store)
    lost, kept = before[2][0], before[3][0]
    audio = tmp_path / "fewer"
    shutil.copytree(recordings, audio)
    (audio / lost).unlink()
    flip_a_code(store / "data" / "part-00001.parquet")
    status, told = verify("--repair", audio=audio)
    assert status == 1
    assert f"lost: {lost}" in told
    assert [row for row in rows_of(store) if row[0] == kept] == [before[3]]
    assert [row for row in rows_of(store) if row[0] != kept] == [row for row in before if row[0] not in (lost, kept)]
    assert lost in [failure["id"] for failure in TokenStore.open(store).failures()]
    assert verify()[0] == 0


def test_segments_are_mended_from_their_manifest_to_the_same_bytes(tiny_codec, recordings, tmp_path, capsys):
    table, store = tmp_path / "m.csv", tmp_path / "segments"
    sound = recordings / "speaker1" / "09.wav"
    table.write_text("path,id,start,duration\n" + "".join(f"{sound},{n}.wav,{n / 100},0.1\n" for n in range(5)))
    options = ["--manifest", str(table), "--codec", str(tiny_codec), "--workers", "0", "--quiet"]
    assert main(["tokenize", *options, "--out", str(store)]) == 0
    path, before = store / "data" / "part-00000.parquet", rows_of(store)
    whole = path.read_bytes()
    assert len({str(row[1]) for row in before}) == 5
    flip_a_code(path)
    assert main(["verify", str(store), "--repair", *options]) == 0
    assert path.read_bytes() == whole


def test_a_manifest_that_counts_wrongly_is_told(verify, store):
    manifest = store / "vqaudio.json"
    manifest.write_text(manifest.read_text().replace('"num_rows": 2', '"num_rows": 3', 1))
    status, told = verify()
    assert (status, "holds 2 rows" in told) == (1, True)


def test_an_id_that_stands_in_two_shards_is_told(verify, store):
    first, second = (store / "data" / f"part-0000{number}.parquet" for number in range(2))
    manifest = store / "vqaudio.json"
    text = manifest.read_text()
    shards = TokenStore.open(store).manifest.shards
    second.write_bytes(first.read_bytes())
    for old, new in ((shards[1].sha256, shards[0].sha256), (str(shards[1].num_bytes), str(shards[0].num_bytes))):
        text = text.replace(old, new)
    for name in ("num_samples", "num_frames"):
        text = text.replace(f'"{name}": {getattr(shards[1], name)}', f'"{name}": {getattr(shards[0], name)}')
    manifest.write_text(text)
    status, told = verify()
    assert (status, "which is in data/part-00000.parquet already" in told) == (1, True)


def test_another_codec_does_not_mend(store, recordings, make_voiced_codec, tmp_path, capsys):
    save_codec(make_voiced_codec(), tmp_path / "other")
    flip_a_code(store / "data" / "part-00000.parquet")
    command = ["verify", str(store), "--repair", "--audio", str(recordings), "--codec", str(tmp_path / "other")]
    assert main(command) == 1
    assert "use the codec that made them" in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--repair"], ["--audio", "."]])
def test_repairing_takes_both_options(store, options, capsys):
    assert main(["verify", str(store), *options]) == 1
    assert "--repair needs --audio" in capsys.readouterr().err
