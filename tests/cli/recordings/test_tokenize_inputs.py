"""`vqaudio tokenize` on paths, lists and manifests: the same codes as of a folder, and of segments their own."""

import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.tokens.store import TokenStore


@pytest.fixture
def run(tiny_codec: Path, tmp_path: Path):
    """Runs `tokenize` with these arguments; returns the exit status and id -> codes."""

    def call(
        *arguments: object, out: str = "tokens", workers: int = 0, flags: tuple = ("--quiet",)
    ) -> tuple[int, dict[str, list]]:
        command = ["tokenize", *map(str, arguments), "--out", str(tmp_path / out), "--codec", str(tiny_codec)]
        status = main([*command, "--workers", str(workers), *flags])
        has_store = (tmp_path / out / "vqaudio.json").exists()
        return status, {row.id: row.codes.tolist() for row in TokenStore.open(tmp_path / out)} if has_store else {}

    return call


@pytest.fixture
def at_home(recordings: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(recordings)
    return recordings


def type_in(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_several_folders_are_one_run_of_the_folder_above(run, at_home: Path, reference: dict) -> None:
    assert run("speaker0", at_home / "speaker1") == (0, reference)


@pytest.mark.parametrize("way", ["-", "--list -", "--list FILE"])
def test_a_list_of_all_files_is_a_run_of_their_folder(
    run, at_home: Path, reference: dict, tmp_path: Path, monkeypatch, way: str
) -> None:
    content = "".join(f"./{name}\n" for name in reference).encode()
    (tmp_path / "list.txt").write_bytes(content)
    type_in(monkeypatch, content)
    assert run(*way.replace("FILE", str(tmp_path / "list.txt")).split()) == (0, reference)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_segments_codes_are_those_of_its_samples_in_a_file_of_their_own(run, tmp_path: Path, workers: int) -> None:
    """At the codec's rate and at another, mono and stereo, WAV and FLAC; times between two samples are rounded."""
    generator, rows = np.random.default_rng(1), []
    (tmp_path / "cut").mkdir()
    for name, rate_hz, channels in (("a.wav", 16_000, 1), ("b.flac", 44_100, 2), ("c.flac", 8_000, 1)):
        sound = (3_000 * generator.standard_normal((2 * rate_hz, channels))).astype("int16")
        soundfile.write(tmp_path / name, sound, rate_hz, subtype="PCM_16")
        for number, (start_s, duration_s) in enumerate([(0, 0.5), (0.31, 0.87), (1.00003, None), (1.5, 0.25)]):
            end = None if duration_s is None else round((start_s + duration_s) * rate_hz)
            own = f"{number}-{name}"
            soundfile.write(tmp_path / "cut" / own, sound[round(start_s * rate_hz) : end], rate_hz, subtype="PCM_16")
            rows.append({"path": name, "id": own, "start": start_s, "duration": duration_s})
    (tmp_path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    status, segments = run("--manifest", tmp_path / "m.jsonl", workers=workers)
    assert (status, len(segments)) == (0, 12)
    assert segments == run(tmp_path / "cut", out="own")[1]
    facts, own = (
        {row.id: (row.num_samples, row.source_rate_hz, row.seconds) for row in TokenStore.open(tmp_path / name)}
        for name in ("tokens", "own")
    )
    assert facts == own
    assert len({str(codes) for codes in segments.values()}) == 12


def test_a_segment_that_goes_beyond_its_file_is_told_and_one_that_starts_there_fails(
    run, recordings: Path, tmp_path: Path, capsys
) -> None:
    sound = recordings / "speaker0" / "08.flac"  # 9999 samples: 0.625 s
    table = f"path,id,start,duration\n{sound},long,0.1,5\n{sound},round,0.1,0.53\n{sound},late,3,1\n"
    (tmp_path / "m.csv").write_text(table)
    status, codes = run("--manifest", tmp_path / "m.csv", flags=())
    told = capsys.readouterr().err
    assert (status, list(codes)) == (2, ["long", "round"])
    assert "warning: long: incomplete: the segment ends at 5.10 s, the file at 0.62 s" in told
    assert "warning: round" not in told
    assert "failed: late: no samples from 3.0 s on" in told


def test_speakers_and_texts_come_from_the_manifest_and_metadata_goes_before(
    run, recordings: Path, tmp_path: Path
) -> None:
    sound = os.path.relpath(recordings / "speaker0" / "08.flac", tmp_path)
    (tmp_path / "m.csv").write_text(f"path,id,speaker,text\n{sound},a,ann,yes\n{sound},b,bob,no\n")
    (tmp_path / "x.csv").write_text("path,speaker,text\na,eve,\n")
    run("--manifest", tmp_path / "m.csv", "--metadata", tmp_path / "x.csv")
    assert [(row.id, row.speaker, row.text) for row in TokenStore.open(tmp_path / "tokens")] == [
        ("a", "eve", "yes"), ("b", "bob", "no"),
    ]  # fmt: skip


def test_segments_of_a_manifest_are_dealt_and_merged_as_files_are(run, recordings: Path, tmp_path: Path) -> None:
    sound = recordings / "speaker1" / "09.wav"
    rows = "".join(f"{sound},{start / 100},0.05\n" for start in range(7))
    (tmp_path / "m.csv").write_text("path,start,duration\n" + rows)
    _, whole = run("--manifest", tmp_path / "m.csv")
    for index in range(3):
        assert run("--manifest", tmp_path / "m.csv", "--shard", f"{index}/3", out="parts") == (0, {})
    assert main(["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged"), "--quiet"]) == 0
    assert {row.id: row.codes.tolist() for row in TokenStore.open(tmp_path / "merged")} == whole
    assert len(whole) == 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name the recordings in one way"),
        (["wavs", "--list", "x"], "name the recordings in one way"),
        (["--list", "x", "--manifest", "y.csv"], "name the recordings in one way"),
        (["-", "wavs"], "stands alone"),
        (["--list", "gone.txt"], "gone.txt cannot be read: No such file"),
        (["--manifest", "gone.csv"], "gone.csv cannot be read"),
        (["-"], "stdin names no file"),
    ],
)
def test_recordings_that_are_not_clear_are_answered_before_anything_is_written(
    run, tmp_path: Path, monkeypatch, capsys, arguments: list[str], said: str
) -> None:
    type_in(monkeypatch, b"")
    assert run(*arguments)[0] == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "tokens").exists()
