"""Manifests of recordings and segments, in every format, lhotse's included."""

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.naming import wav_names
from vqaudio.jobs.tokenize.manifest import sources_of_manifest

ROWS: list[dict[str, Any]] = [
    {"path": "wavs/b.flac", "id": "second", "start": 0.5, "duration": 1.25, "speaker": "ann", "text": 'well, "yes"'},
    {"path": "wavs/b.flac", "id": "first", "start": None, "duration": None, "speaker": None, "text": None},
    {"path": "/elsewhere/c.wav", "id": "third", "start": 2.0, "duration": None, "speaker": "19", "text": "語"},
]


def facts_of(path: Path) -> list[tuple]:
    return [(s.id, s.path, s.start_s, s.end_s, s.speaker, s.text) for s in sources_of_manifest(path)]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    names = list(rows[0])
    cells = [["" if row.get(name) is None else str(row[name]) for name in names] for row in rows]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    if path.suffix == ".csv":
        quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in cells]
        path.write_text("\ufeff" + "\r\n".join([",".join(names), *quoted]), encoding="utf-8")
    elif path.suffix == ".tsv":
        path.write_text("\n".join("\t".join(row) for row in [names, *cells]), encoding="utf-8")
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=2)
    else:
        path.write_text(lines, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["m.csv", "m.tsv", "m.jsonl", "M.JSONL", "m.jsonl.gz", "m.parquet"])
def test_every_format_says_the_same(tmp_path: Path, name: str) -> None:
    assert facts_of(write(tmp_path / name, ROWS)) == [
        ("first", f"{tmp_path}/wavs/b.flac", 0.0, None, None, None),
        ("second", f"{tmp_path}/wavs/b.flac", 0.5, 1.75, "ann", 'well, "yes"'),
        ("third", "/elsewhere/c.wav", 2.0, None, "19", "語"),
    ]


def test_without_ids_a_row_is_named_by_its_path_and_its_times(tmp_path: Path) -> None:
    table = (
        "path,start,duration,length\na/1.flac,,,9\na/1.flac,0.5,1.5,9\na/1.flac,2,,9\na/1.flac,0,2,9\n../x.wav,0,,9\n"
    )
    (tmp_path / "m.csv").write_text(table)
    ids = [source.id for source in sources_of_manifest(tmp_path / "m.csv")]
    assert ids == ["a/1#0.000-2.000.flac", "a/1#0.500-2.000.flac", "a/1#2.000-.flac", "a/1.flac", "x.wav"]
    assert wav_names(ids)["a/1#0.500-2.000.flac"] == "a/1#0.500-2.000.wav"


def test_ids_and_speakers_may_be_numbers(tmp_path: Path) -> None:
    path = write(tmp_path / "m.jsonl", [{"path": "a.wav", "id": 7, "speaker": 19}])
    assert facts_of(path) == [("7", f"{tmp_path}/a.wav", 0.0, None, "19", None)]


def test_a_file_that_is_not_there_is_refused_and_the_rest_is_not(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", "")  # no ffmpeg
    (tmp_path / "a.wav").write_bytes(b"x")
    path = write(tmp_path / "m.jsonl", [{"path": "a.wav"}, {"path": "gone.wav"}, {"path": "talk.m4a"}])
    reasons = [source.refusal or "" for source in sources_of_manifest(path)]
    assert reasons[0] == ""
    assert "No such file" in reasons[1]
    assert "ffmpeg" in reasons[2]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("m.csv", "file,id\na.wav,1\n", r"m\.csv has no column path, only file, id; wanted path"),
        ("m.csv", "", "no column path, only none"),
        ("m.csv", "path\n", "has no rows"),
        ("m.csv", "path,path\na,b\n", "column path twice"),
        ("m.csv", "path,start_s,end_s\na.wav,1,2\n", "has the column start_s; call it start"),
        ("m.csv", "path,start\na.wav,0\nb.wav,-1\n", r"line 3 of .*start is '-1'; wanted seconds"),
        ("m.csv", "path,start\na.wav,nan\n", "line 2 of .*start is 'nan'"),
        ("m.csv", "path,duration\na.wav,inf\n", "line 2 of .*duration is 'inf'"),
        ("m.csv", "path,duration\na.wav,0\n", "line 2 of .*has duration 0"),
        ("m.csv", "path,duration\na.wav,-2\n", "line 2 of .*duration is '-2'"),
        ("m.csv", "path,duration\na.wav,1:30\n", "line 2 of .*duration is '1:30'"),
        ("m.csv", "path,id\na.wav,x\n,y\n", "line 3 of .*has an empty path"),
        ("m.csv", "path,id\na.wav,x\nb.wav,x\n", r"line 3 of .* has the id 'x', which line 2 of .* has already"),
        ("m.csv", "path\na.wav\n./a.wav\n", r"line 3 of .* has the id 'a\.wav', which line 2"),
        ("m.csv", "path,id\na.wav\n", "line 2 of .*has 1 cells, the first line names 2"),
        ("m.csv", "path\na.wav,x\n", "line 2 of .*has 2 cells, the first line names 1"),
        ("m.csv", "path,id\na.wav,/etc/x\n", "line 2 of .*has the id '/etc/x'"),
        ("m.csv", "path,id\na.wav,../x\n", "line 2 of .*has the id '../x'"),
        ("m.tsv", 'path\ttext\na.wav\t"open\nb.wav\t"open\tx\n', "line 3 of .*has 3 cells"),
        ("m.jsonl", '{"path": "a.wav"}\n\n{"path": \n', "line 3 of .*is not JSON"),
        ("m.jsonl", '["a.wav"]\n', "line 1 of .*is not a JSON object"),
        ("m.jsonl", '{"path": "a.wav"}\n{"file": "a.wav"}\n', "line 2 of .*no column path, only file"),
        ("m.jsonl", '{"path": "a.wav", "speaker": true}\n', "line 1 of .*speaker is True; wanted text"),
        ("m.jsonl", '{"path": 7}\n', "line 1 of .*path is 7; wanted text"),
        ("m.jsonl", '{"path": "a.wav", "text": ["x"]}\n', "line 1 of .*text is .*wanted text"),
        ("m.jsonl", '{"path": "a.wav", "text": "\\ud800"}\n', "line 1 of .*not valid Unicode"),
        ("m.jsonl", '{"path": "a.wav", "start": true}\n', "line 1 of .*start is True"),
        ("m.jsonl", '{"path": "a.wav", "start": [1]}\n', "line 1 of .*start is .1."),
        ("m.jsonl", '{"audio_filepath": "a.wav", "offset": 1}\n', "line 1 of .*has the column offset; call it start"),
        ("m.jsonl", "[" * 100_000, "line 1 of .*is not JSON"),
        ("m.jsonl.gz", "not gzip", "cannot be read"),
        ("m.parquet", "not Parquet", "cannot be read as Parquet"),
        ("m.txt", "a.wav", r"ends in \.csv, \.tsv, \.jsonl"),
    ],
)
def test_a_manifest_that_is_wrong_is_answered_with_the_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(VqaudioError, match=said):
        sources_of_manifest(tmp_path / name)


@pytest.mark.parametrize("name", ["m.csv", "m.jsonl", "m.jsonl.gz", "m.parquet"])
def test_a_manifest_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(VqaudioError, match="cannot be read"):
        sources_of_manifest(tmp_path / name)


def test_the_rows_of_a_parquet_file_are_counted_through_its_batches(tmp_path: Path) -> None:
    rows = [{"path": f"{number}.wav", "start": -1.0 if number == 70_001 else 0.0} for number in range(70_002)]
    with pytest.raises(VqaudioError, match=r"row 70002 of .*start is -1\.0"):
        sources_of_manifest(write(tmp_path / "m.parquet", rows))


def recording(**changes: Any) -> dict[str, Any]:
    """A recording as lhotse 1.x saves it."""
    sources = [{"type": "file", "channels": [0], "source": "wavs/100.flac"}]
    facts = {"sampling_rate": 16_000, "num_samples": 64_000, "duration": 4.0, "channel_ids": [0]}
    return {"id": "100-a", "sources": sources, **facts, **changes}


def cut(**changes: Any) -> dict[str, Any]:
    """A cut as lhotse 1.x saves it."""
    said = {
        "id": "100-a-0",
        "recording_id": "100-a",
        "start": 0.0,
        "duration": 1.5,
        "channel": 0,
        "text": "yes",
        "speaker": "ann",
    }
    facts = {"start": 1.0, "duration": 1.5, "channel": 0, "type": "MonoCut", "recording": recording()}
    return {"id": "cut-7", "supervisions": [said], **facts, **changes}


def test_lhotses_recordings_and_cuts_are_known_by_their_fields_and_keep_their_ids(tmp_path: Path) -> None:
    silent, two = cut(id="cut-8", supervisions=[]), cut(id="cut-9", supervisions=cut()["supervisions"] * 2)
    path = write(tmp_path / "cuts.jsonl.gz", [cut(), recording(), silent, two])
    sound = f"{tmp_path}/wavs/100.flac"
    assert facts_of(path) == [
        ("100-a", sound, 0.0, None, None, None),
        ("cut-7", sound, 1.0, 2.5, "ann", "yes"),
        ("cut-8", sound, 1.0, 2.5, None, None),
        ("cut-9", sound, 1.0, 2.5, None, None),
    ]


STEREO = recording(sources=[{"type": "file", "channels": [0, 1], "source": "a.wav"}])


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"id": "m", "tracks": [{"cut": cut(), "offset": 0.0}], "type": "MixedCut"}, "of one file"),
        (recording(sources=[]), "of one file"),
        (recording(sources=recording()["sources"] * 2), "of one file"),
        (recording(sources=["a.wav"]), "of one file"),
        (recording(sources=[{"type": "command", "source": "sox a.wav -"}]), "its sound in a 'command'"),
        (recording(transforms=[{"name": "Speed", "kwargs": {"factor": 1.1}}]), "has transforms"),
        (cut(recording=recording(transforms=[{"name": "Resample"}])), "has transforms"),
        (cut(recording=STEREO), "one channel of several"),
        (cut(duration=None), "without start or duration"),
        (cut(start=None), "without start or duration"),
        (cut(start=-1.0), "start is -1.0"),
        (cut(recording=[]), "of one file"),
    ],
)  # fmt: skip
def test_sound_that_lhotse_would_make_first_is_refused_with_the_line(tmp_path: Path, entry: dict, said: str) -> None:
    path = write(tmp_path / "cuts.jsonl", [recording(), entry])
    with pytest.raises(VqaudioError, match=rf"line 2 of .*{said}"):
        sources_of_manifest(path)


def test_a_row_with_a_path_is_no_cut_whatever_else_it_says(tmp_path: Path) -> None:
    path = write(tmp_path / "m.jsonl", [{"path": "a.wav", "recording": {"room": 3}, "sources": ["me"]}])
    assert facts_of(path) == [("a.wav", f"{tmp_path}/a.wav", 0.0, None, None, None)]


def test_a_cut_of_all_channels_is_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "cuts.jsonl", [cut(recording=STEREO, channel=[0, 1], type="MultiCut")])
    assert facts_of(path)[0][:2] == ("cut-7", f"{tmp_path}/a.wav")
