"""`vqaudio tokenize` on files that hold many recordings: the store of the folder they were packed from."""

import io
import shutil
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.tokens.store import TokenStore

Rows = dict[str, tuple]


@pytest.fixture
def rows_of(tiny_codec: Path, tmp_path: Path) -> Callable[..., tuple[int, Rows]]:
    """Runs `tokenize` with these arguments; returns the exit status and the whole rows by id."""

    def call(*arguments: object, out: str = "tokens", workers: int = 0) -> tuple[int, Rows]:
        command = ["tokenize", *map(str, arguments), "--out", str(tmp_path / out), "--codec", str(tiny_codec)]
        status = main([*command, "--workers", str(workers), "--quiet"])
        return status, stored(tmp_path / out) if (tmp_path / out / "vqaudio.json").exists() else {}

    return call


def stored(folder: Path) -> Rows:
    """Id -> all that a row says but its id."""
    return {
        row.id: (row.codes.tolist(), row.num_samples, row.source_rate_hz, row.seconds, row.speaker, row.text)
        for row in TokenStore.open(folder)
    }


def reasons(folder: Path) -> dict[str, str]:
    return {record["id"]: record["reason"] for record in TokenStore.open(folder).failures()}


def pack_tar(path: Path, root: Path, names: list[str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in names:
            archive.add(root / name, name)
    return path


def without_suffix(rows: Mapping[str, Any]) -> dict[str, Any]:
    return {name.rsplit(".", 1)[0]: row for name, row in rows.items()}


@pytest.fixture
def mixed(recordings: Path, tmp_path: Path) -> Path:
    """The recordings, an Ogg and an MP3 file, one that is cut, a FLAC file that is damaged, and one that is text."""
    root = tmp_path / "mixed"
    shutil.copytree(recordings, root)
    sound = 0.2 * np.random.default_rng(2).standard_normal(20_000)
    soundfile.write(root / "vorbis.ogg", sound, 16_000)
    soundfile.write(root / "layer3.mp3", sound, 16_000)
    soundfile.write(root / "cut.wav", sound, 16_000)
    soundfile.write(root / "damaged.flac", sound, 16_000)
    (root / "cut.wav").write_bytes((root / "cut.wav").read_bytes()[:9_001])
    content = bytearray((root / "damaged.flac").read_bytes())
    content[len(content) // 2 :] = b"?" * len(content[len(content) // 2 :])
    (root / "damaged.flac").write_bytes(content)
    (root / "headerless.gsm").write_bytes(bytes([0xD2, *range(32)]) * 200)  # known by its suffix alone
    (root / "text.wav").write_text("words")
    (root / "empty.wav").write_bytes(b"")
    return root


def names_in(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.*"))


def table_of(root: Path, names: list[str]) -> pa.Table:
    """The recordings as `datasets` has them: bytes and names, and one row in six by its path alone."""
    cells = [
        {"bytes": None if number % 6 == 5 else (root / name).read_bytes(), "path": str(root / name)}
        for number, name in enumerate(names)
    ]
    return pa.table({"audio": cells, "text": [f"says {name}" for name in names]})


def write_stream(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    return path


def write_parquet(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path, row_group_size=5)
    return path


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["arrow", "parquet", "arrow with ids", "parquet with ids"])
def test_the_rows_and_failures_of_a_table_are_those_of_its_folder(
    rows_of: Callable, mixed: Path, tmp_path: Path, kind: str, workers: int
) -> None:
    """Rows stand in another order than their ids, so that some are read again."""
    names = sorted(names_in(mixed), key=lambda name: name[::-1])
    table = table_of(mixed, names)
    ids = {name: f"{number:09d}" for number, name in enumerate(names)}
    if "ids" in kind:
        table, ids = table.append_column("id", pa.array(names)), {name: name for name in names}
    path = (write_stream if "arrow" in kind else write_parquet)(tmp_path / f"t.{kind.split()[0]}", table)
    plain_status, plain = rows_of(mixed, out="plain")
    status, rows = rows_of(path, workers=workers)
    assert (status, rows) == (
        plain_status,
        {ids[name]: (*row[:-1], f"says {name}") for name, row in plain.items()},
    )
    assert {name: said.split(": ")[-1] for name, said in reasons(tmp_path / "tokens").items()} == {
        ids[name]: said.split(": ")[-1] for name, said in reasons(tmp_path / "plain").items()
    }


def test_what_datasets_saves_is_read_with_its_splits_and_dealt(
    rows_of: Callable, recordings: Path, tmp_path: Path
) -> None:
    from datasets import Audio, Dataset, DatasetDict

    names = names_in(recordings)
    saved = DatasetDict()
    for split, own in (("train", names[:6]), ("test", names[6:])):
        columns = {"audio": [str(recordings / name) for name in own], "speaker_id": [7] * len(own)}
        saved[split] = Dataset.from_dict(columns).cast_column("audio", Audio(decode=False))
    saved.save_to_disk(str(tmp_path / "saved"))
    shutil.copy(
        tmp_path / "saved" / "test" / "data-00000-of-00001.arrow", tmp_path / "saved" / "test" / "cache-12.arrow"
    )
    _, plain = rows_of(recordings, out="plain")
    for index in range(2):
        assert rows_of(tmp_path / "saved", "--shard", f"{index}/2", out="parts") == (0, {})
    assert main(["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged"), "--quiet"]) == 0
    places = [f"train/data-00000-of-00001/{number:09d}" for number in range(6)]
    places += [f"test/data-00000-of-00001/{number:09d}" for number in range(4)]
    assert stored(tmp_path / "merged") == {
        place: (*plain[name][:4], "7", None) for place, name in zip(places, names, strict=True)
    }


@pytest.mark.parametrize("write", [write_stream, write_parquet])
def test_a_damaged_table_is_told_and_the_rest_goes_on(
    rows_of: Callable, recordings: Path, tmp_path: Path, write: Callable
) -> None:
    folder = tmp_path / "tables"
    folder.mkdir()
    names = names_in(recordings)
    for number in range(2):
        write(folder / f"{number}.{'arrow' if write is write_stream else 'parquet'}", table_of(recordings, names))
    [damaged, whole] = sorted(folder.iterdir())
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    status, rows = rows_of(folder)
    assert status == 2
    assert sum(name.startswith("1/") for name in rows) == 10
    assert f"the table {damaged.name}: " in " ".join(reasons(tmp_path / "tokens").values())
    whole.unlink()
    if write is write_parquet:
        assert rows_of(folder, out="none") == (1, {})


@pytest.mark.parametrize("workers", [0, 2])
def test_the_rows_and_failures_of_an_archive_are_those_of_its_folder(
    rows_of: Callable, mixed: Path, tmp_path: Path, workers: int
) -> None:
    archive = pack_tar(tmp_path / "s-000000.tar", mixed, names_in(mixed)[::-1])
    plain_status, plain = rows_of(mixed, out="plain")
    status, rows = rows_of(archive, workers=workers)
    assert (status, rows) == (plain_status, without_suffix(plain)) == (2, rows)
    assert reasons(tmp_path / "tokens") == without_suffix(reasons(tmp_path / "plain"))
    assert set(reasons(tmp_path / "tokens")) == {"text", "empty", "damaged"}


@pytest.mark.parametrize("way", ["folder", "paths", "list"])
def test_archives_are_dealt_resumed_and_merged_as_files_are(
    rows_of: Callable, recordings: Path, tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, packed = names_in(recordings), tmp_path / "packed"
    packed.mkdir()
    archives = [pack_tar(packed / f"s-{number}.tar", recordings, names[number::3]) for number in range(3)]
    monkeypatch.chdir(packed)
    (tmp_path / "list").write_text("s-0.tar\n./s-1.tar\ns-2.tar\n")
    named = {"folder": [packed], "paths": archives, "list": ["--list", tmp_path / "list"]}[way]
    _, plain = rows_of(recordings, out="plain")
    wanted = {f"s-{names.index(name) % 3}/{name.rsplit('.', 1)[0]}": row for name, row in plain.items()}
    assert rows_of(*named, "--shard", "0/2", out="parts") == (0, {})
    assert rows_of(*named, "--shard", "1/2", out="parts") == (0, {})
    assert rows_of(*named, "--shard", "1/2", "--resume", out="parts") == (0, {})
    assert main(["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged"), "--quiet"]) == 0
    assert stored(tmp_path / "merged") == wanted


def test_a_damaged_archive_fails_by_its_name_and_the_rest_goes_on_and_is_resumed(
    rows_of: Callable, recordings: Path, tmp_path: Path
) -> None:
    names = names_in(recordings)
    archives = [pack_tar(tmp_path / f"s-{number}.tar", recordings, names[number::2]) for number in range(2)]
    whole = archives[0].read_bytes()
    archives[0].write_bytes(whole[: len(whole) // 2])
    (tmp_path / "s-2.tar").write_bytes(b"\x1f\x8b\x08" + bytes(99))
    command = [*archives, tmp_path / "s-2.tar"]
    status, rows = rows_of(*command)
    assert status == 2
    said = reasons(tmp_path / "tokens")
    assert "compressed with gzip" in said["s-2.tar"]
    assert any("before this recording does" in reason or "lost" in reason for reason in said.values())
    assert 5 <= len(rows) < 10
    archives[0].write_bytes(whole)
    (tmp_path / "s-2.tar").unlink()
    assert rows_of(*archives, "--resume")[0] == 0
    assert len(stored(tmp_path / "tokens")) == 10


def test_texts_and_speakers_of_an_archive_are_kept_and_metadata_goes_before(
    rows_of: Callable, recordings: Path, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as archive:
        for key in ("a", "b"):
            archive.add(recordings / "speaker0" / "08.flac", f"{key}.flac")
            info = tarfile.TarInfo(f"{key}.json")
            content = b'{"speaker": "ann", "text": "yes"}'
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    (tmp_path / "x.csv").write_text("path,speaker,text\nb,eve,\n")
    _, rows = rows_of(tmp_path / "s.tar", "--metadata", tmp_path / "x.csv")
    assert {name: row[-2:] for name, row in rows.items()} == {"a": ("ann", "yes"), "b": ("eve", "yes")}


def test_beside_audio_an_archive_is_left_alone(rows_of: Callable, recordings: Path, tmp_path: Path) -> None:
    shutil.copytree(recordings, tmp_path / "wavs")
    pack_tar(tmp_path / "wavs" / "copy.tar", recordings, names_in(recordings))
    assert sorted(rows_of(tmp_path / "wavs")[1]) == names_in(recordings)
