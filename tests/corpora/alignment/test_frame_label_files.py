"""Frame labels: to intervals and back by the rule of the frame's centre."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.corpora.alignment.frame_label_files import intervals_of_frames, read_frame_labels


@pytest.mark.parametrize("rate_hz", [25, 50, 100])
def test_the_label_at_each_frames_centre_is_the_frames_label(rate_hz: int) -> None:
    labels = np.random.default_rng(0).choice(["a", "b", "SIL"], 400).tolist()
    intervals = intervals_of_frames(labels, rate_hz)
    assert all(one.label != after.label for one, after in pairwise(intervals))
    grid = FrameGrid(16_000, 16_000 // rate_hz)
    centres_s = [(frame + 0.5) / grid.frame_rate_hz for frame in range(400)]
    found = [next(one.label for one in intervals if one.start_s <= time_s < one.end_s) for time_s in centres_s]
    assert found == labels


def test_phones_beside_their_ids_and_units_beside_a_manifest_are_read(tmp_path: Path) -> None:
    (tmp_path / "dev.phn.tsv").write_text("u1\tSIL,HH,HH\nu2\t\n")
    found = read_frame_labels(tmp_path / "dev.phn.tsv", 100)
    assert found == {"u1": intervals_of_frames(["SIL", "HH", "HH"], 100), "u2": []}
    (tmp_path / "dev.km").write_text("7 7 3\n3\n")
    (tmp_path / "dev.tsv").write_text("/data\n84/u1.flac\t960\n84/u2.flac\t320\n")
    units = read_frame_labels(tmp_path / "dev.km", 50, tmp_path / "dev.tsv")
    assert units == {"u1": intervals_of_frames(["7", "7", "3"], 50), "u2": intervals_of_frames(["3"], 50)}


def test_errors_name_the_line_the_counts_or_the_utterance(tmp_path: Path) -> None:
    path, manifest = tmp_path / "a.tsv", tmp_path / "m.tsv"
    path.write_text("u1\tA\n7 7 3\n")
    with pytest.raises(VqaudioError, match=r"line 2 of .*; give the manifest if it has labels alone"):
        read_frame_labels(path, 100)
    manifest.write_text("/data\nu1.flac\t960\n")
    with pytest.raises(VqaudioError, match=r"has 2 lines and .* names 1 files"):
        read_frame_labels(path, 100, manifest)
    path.write_text("u1\tA\nu1\tB\n")
    with pytest.raises(VqaudioError, match="the utterance 'u1' twice"):
        read_frame_labels(path, 100)
    with pytest.raises(VqaudioError, match="frame_rate_hz must be above 0, got 0"):
        intervals_of_frames(["a"], 0)
