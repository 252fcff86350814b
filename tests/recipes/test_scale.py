"""The benchmark of scale: it runs, and what it says follows from what it measured."""

from dataclasses import replace
from pathlib import Path

import pytest

from vqaudio.codec.saving import save_codec


@pytest.fixture(scope="module")
def scale(script):
    return script("benchmarks/scale.py")


@pytest.fixture
def run_of(scale):
    """A run that costs 36 core-seconds for each hour, and 2 s to start."""
    return lambda num_files, workers=1: scale.Run(
        num_files, workers, num_files / 1_000, 2.0 + 36 * num_files / 1_000, 2.0, 0.1, 500 << 20, 300 << 20, 40 << 20
    )


def test_it_measures_a_codec_and_prints_a_table_and_a_projection(
    scale, make_voiced_codec, tmp_path: Path, monkeypatch, capsys
) -> None:
    save_codec(make_voiced_codec(), tmp_path / "codec")
    command = ["scale.py", "--files", "3", "--workers", "1", "--codec", tmp_path / "codec", "--scratch", tmp_path]
    monkeypatch.setattr("sys.argv", [str(word) for word in command])
    scale.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split(" | ")[:2] == ["| 3", "1"]
    assert all(float(cell.strip(" |").replace(",", "")) > 10 for cell in lines[2].split(" | ")[-3:])
    assert [line.split()[0] for line in lines[-5:]] == ["cores", "storage", "shards", "planning", "next"]
    assert "codebooks, 1: " in lines[-4]
    assert [path.name for path in tmp_path.iterdir()] == ["codec"]


def test_what_grows_with_the_files_is_not_flat(scale, run_of) -> None:
    runs = [run_of(100), run_of(1_000), run_of(10_000)]
    assert scale.flatness(runs) == [
        "1 workers, 1,000 to 10,000 files: cost flat (x 1.00), own memory flat (x 1.00), worker memory flat (x 1.00)"
    ]
    grown = replace(runs[2], cpu_s=runs[2].cpu_s * 1.2, own_bytes=400 << 20)
    assert "cost NOT FLAT (x 1.20), own memory NOT FLAT (x 1.33)" in scale.flatness([*runs[:2], grown])[0]
    assert "would tell" in scale.flatness(runs[:2])[0]


def test_a_million_hours_are_computed_from_what_was_measured(scale, run_of) -> None:
    told = dict(
        line.split(maxsplit=1) for line in scale.projection(run_of(1_000), scale.Planning(1e-5, 500.0), {1: 36e3}, 50.0)
    )
    assert told["cores"].startswith("10,000 core-hours")
    assert told["storage"] == "by codebooks, 1: 0.04 TB"
    assert told["shards"].startswith("360,000 Parquet files of 1,000")
    assert told["planning"].startswith("1.0 core-hours and 180 GB")
    assert "the list of recordings" in told["next"]
    small = scale.projection(run_of(1_000), scale.Planning(1e-5, 50.0), {}, 50.0)
    assert "the cores" in small[-1]
    assert "the cores" in scale.projection(run_of(1_000), scale.Planning(0.0, 0.0), {}, 50.0)[-1]
