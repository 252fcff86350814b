"""Damaged archives and tables give sources, or words: finding them happens in the run's own process."""

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.finding import sources_in
from vqaudio.jobs.containers.part import Extractor

NUM_ROWS = 12


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(NUM_ROWS):
            for name, content in ((f"語/{number}.wav", b"sound" * 50), (f"語/{number}.json", b'{"text": "said"}')):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def table() -> pa.Table:
    sounds = [{"bytes": b"sound" * number, "path": f"{number}.wav"} for number in range(NUM_ROWS)]
    return pa.table({"id": [f"r{number}" for number in range(NUM_ROWS)], "audio": sounds, "text": ["said"] * NUM_ROWS})


def write_arrow(path: Path) -> None:
    with pa.ipc.new_stream(str(path), table().schema) as writer:
        writer.write_table(table(), max_chunksize=4)


def write_arrow_file(path: Path) -> None:
    with pa.ipc.new_file(str(path), table().schema) as writer:
        writer.write_table(table(), max_chunksize=4)


def write_parquet(path: Path) -> None:
    pq.write_table(table(), path, row_group_size=5)


KINDS = {"a.tar": write_tar, "a.arrow": write_arrow, "file.arrow": write_arrow_file, "a.parquet": write_parquet}


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_file_of_many_recordings_is_read_or_refused_in_words(name: str, mutations, tmp_path: Path) -> None:
    path = tmp_path / name
    KINDS[name](path)
    whole, scratch = path.read_bytes(), tmp_path / "scratch"
    scratch.mkdir()
    found = sources_in(path, "")
    assert len(found) == NUM_ROWS
    assert not any(source.refusal for source in found)
    for _, content in mutations(whole, share=len(KINDS)):
        path.write_bytes(content)
        extractor = Extractor()
        sources = sources_in(path, "x")
        assert sources
        for source in sources:
            assert f"{source.id}{source.text or ''}{source.speaker or ''}{source.refusal or ''}".encode()
            if source.refusal is None:
                try:
                    with extractor.file_of(source.path, source.part, str(scratch)) as file:
                        assert isinstance(file, str)
                except VqaudioError:
                    continue
        assert not list(scratch.iterdir())
