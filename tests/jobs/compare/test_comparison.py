"""Recordings of a comparison: spread over all, and those that cannot be read stop nothing."""

import shutil
from pathlib import Path

from vqaudio.codec.saving import open_codec
from vqaudio.jobs.compare.comparison import CompareOptions, compare, spread
from vqaudio.jobs.sources import Source, find_sources


def test_timed_recordings_are_from_all_over():
    sources = [Source(str(number), str(number)) for number in range(15)]
    assert [source.id for source in spread(sources, 8)] == ["0", "1", "3", "5", "7", "9", "11", "13"]
    assert spread(sources, 20) == sources


def test_a_broken_recording_is_left_out(samples_dir: Path, tmp_path: Path):
    sound = sorted(samples_dir.rglob("*.flac"))[:2]
    for path in sound:
        for found in path.parent.glob(f"{path.stem}.*"):
            shutil.copy(found, tmp_path)
    (tmp_path / "a.wav").write_bytes(b"no sound")
    options, told = CompareOptions(alignments=tmp_path, labels="plain", metrics=(), num_timed=3), list[str]()
    found = compare(["units-16k"], find_sources(tmp_path), options, on_step=told.append)
    name = open_codec("units-16k").name
    assert [facts.batch_changes for facts in found.facts] == [0]
    assert found.probes[name].rows
    assert any("a.wav is left out" in line for line in told)
