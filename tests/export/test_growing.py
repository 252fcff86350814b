"""What was written after the last checkpoint of an interrupted export is not in the one that goes on."""

from pathlib import Path

import pyarrow as pa
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export.growing import GrowingFile, GrowingTable, table_rows

SCHEMA = pa.schema([("number", pa.int64())])


def numbers_in(folder: Path) -> list[int]:
    return [row["number"] for row in table_rows(folder, "stem", ["number"])]


@pytest.mark.parametrize("num_files", [0, 1, 2, 3])
def test_a_table_goes_on_after_the_files_of_its_checkpoint(tmp_path: Path, num_files: int) -> None:
    table = GrowingTable(tmp_path, "stem", SCHEMA)
    for number in range(6):
        table.write({"number": number}, weight=1)
        if number % 2:
            assert table.sync() == number // 2 + 1
    kept = list(range(2 * num_files))
    again = GrowingTable(tmp_path, "stem", SCHEMA, num_files)
    assert numbers_in(tmp_path) == kept
    again.write({"number": 99}, weight=1)
    assert again.sync() == num_files + 1
    assert numbers_in(tmp_path) == [*kept, 99]


def test_a_file_goes_on_after_the_bytes_of_its_checkpoint(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "a")
    file.write(b"safe")
    num_bytes = file.sync()
    file.write(b" and lost")
    file.sync()
    again = GrowingFile(tmp_path / "a", num_bytes)
    again.write(b" and found")
    assert again.sync() == (tmp_path / "a").stat().st_size
    assert (tmp_path / "a").read_bytes() == b"safe and found"
    with pytest.raises(VqaudioError, match="is shorter than its interrupted export had made it"):
        GrowingFile(tmp_path / "a", 100)
