"""Tables with a column of sound: which rows are found, and what is refused."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.cells import Cells
from vqaudio.jobs.containers.tables import sources_in_table
from vqaudio.jobs.tokenize.inputs import sources_of_paths

SOUNDS = [{"bytes": bytes([number]) * 9, "path": f"{number}.wav"} for number in range(7)]


def write(path: Path, columns: dict[str, Any], metadata: dict | None = None) -> Path:
    table = pa.table(columns)
    if metadata is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps(metadata)})
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=3)
    elif path.suffix == ".arrow":
        opened = pa.ipc.new_file if "file" in path.name else pa.ipc.new_stream
        with opened(str(path), table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
    return path


def features(**kinds: str) -> dict:
    return {"info": {"features": {name: {"_type": kind} for name, kind in kinds.items()}}}


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow", "file.arrow"])
def test_a_cell_is_the_one_of_its_row_in_whatever_order_rows_are_asked_for(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, {"audio": SOUNDS})
    cells = Cells(str(path), "audio")
    for row in (0, 1, 5, 6, 2, 2, 4, 0, 6, 3):
        assert cells.at(row) == (bytes([row]) * 9, f"{row}.wav")
    with pytest.raises(VqaudioError, match="row 7 cannot be read"):
        cells.at(7)
    assert cells.at(3).path == "3.wav"
    assert [source.id for source in sources_in_table(path, "")] == [f"{row:09d}" for row in range(7)]


def test_ids_speakers_and_texts_are_those_of_the_columns_and_wrong_ones_fail_their_row(tmp_path: Path) -> None:
    columns = {
        "audio": SOUNDS[:5], "id": ["a/1", "2", None, "../5", "e"], "speaker_id": [1, 2, 3, 4, 5],
        "speaker": ["ann", None, "", "bob", "eve"], "text": ["x", "y", None, "z", ""],
    }  # fmt: skip
    path = write(tmp_path / "t.parquet", columns)
    assert [(s.id, s.speaker, s.text) for s in sources_in_table(path, "train/t")] == [
        ("train/a/1", "ann", "x"), ("train/2", "2", "y"), ("train/t/000000002", "3", None),
        ("train/t/000000003", None, None), ("train/e", "eve", None),
    ]  # fmt: skip
    assert [bool(source.refusal) for source in sources_in_table(path, "")] == [False, False, False, True, False]
    path = write(tmp_path / "u.arrow", {"audio": SOUNDS[:1], "text": [["x"]]})
    assert "text is ['x']; wanted text" in (sources_in_table(path, "")[0].refusal or "")


@pytest.mark.parametrize(
    ("columns", "metadata", "found"),
    [
        ({"sound": SOUNDS}, None, "sound"),
        ({"image": SOUNDS, "sound": SOUNDS}, features(image="Image", sound="Audio"), "sound"),
        ({"other": SOUNDS, "audio": SOUNDS}, None, "audio"),
        ({"one": SOUNDS, "two": SOUNDS}, None, r"several \(one, two\)"),
        ({"image": SOUNDS}, features(image="Image"), "only image"),
        ({"path": ["a"]}, {"info": 3}, "only path"),
    ],
)
def test_the_column_of_sound_is_found_or_asked_for(tmp_path: Path, columns: dict, metadata: Any, found: str) -> None:
    path = write(tmp_path / "t.parquet", columns, metadata)
    if " " in found:
        with pytest.raises(
            VqaudioError, match=f"nothing to tokenize: the table t.parquet: wanted one column .*{found}"
        ):
            sources_of_paths([path])
    else:
        assert {source.part.column for source in sources_of_paths([path]) if source.part} == {found}


def test_a_forged_arrow_file_is_refused_before_its_cells_are_looked_at(tmp_path: Path) -> None:
    """Offsets that point far behind the file's end: without a check the process would crash."""
    path = write(tmp_path / "t.arrow", {"audio": SOUNDS, "text": ["words"] * 7})
    content = path.read_bytes()
    offsets = b"".join((5 * number).to_bytes(4, "little") for number in range(3))
    assert offsets in content
    forged = offsets[:4] + (1 << 30).to_bytes(4, "little") + offsets[8:]
    path.write_bytes(content.replace(offsets, forged))
    assert [bool(source.refusal) for source in sources_in_table(path, "")] == [True]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + bytes(99), b"ARROW1", b"words", b"\xff" * 99, bytes(99)])
def test_what_is_no_table_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(content)
    [source] = sources_in_table(tmp_path / "t.parquet", "")
    assert (source.refusal or "").startswith("the table t.parquet: ")


def test_a_cell_with_neither_sound_nor_path_fails_by_its_row(tmp_path: Path) -> None:
    cells = Cells(
        str(write(tmp_path / "t.arrow", {"audio": [SOUNDS[0], None, {"bytes": None, "path": None}]})), "audio"
    )
    for row in (1, 2):
        with pytest.raises(VqaudioError, match=f"row {row} has neither bytes nor path"):
            cells.at(row)
    assert cells.at(0).path == "0.wav"
