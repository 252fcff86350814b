"""Which pictures a report gets, and of which utterance the timeline is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile

from vqaudio.jobs.probe import pictures
from vqaudio.jobs.probe.pictures import PLOTS, TIMELINE, write_plots


class Figure:
    def savefig(self, path: Path, **_: object) -> None:
        path.write_bytes(b"png")


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[Any, ...]]:
    calls: dict[str, tuple[Any, ...]] = {}
    for name in ("phone_given_code", "class_confusions", "pnmi_against_bitrate", "code_timeline"):
        monkeypatch.setattr(pictures.plots, name, lambda *given, name=name: calls.update({name: given}) or Figure())
    return calls


def report(num_rows: int) -> Any:
    rows = [SimpleNamespace(name=f"r{row}", information=SimpleNamespace(pnmi=0.1 * row)) for row in range(num_rows)]
    return SimpleNamespace(
        rows=rows,
        counts="counts",
        labels="labels",
        bitrates=SimpleNamespace(nominal_bps=500.0),
        stamp=SimpleNamespace(segments=None),
    )


@pytest.mark.parametrize(
    ("lengths", "shown"),
    [((100, 250, 251, 240), 1), ((251, 300, 260), 0), ((400, 300, 260), 2), ((250, 250), 0)],
)
def test_the_timeline_is_of_the_longest_utterance_of_five_seconds_at_most_else_of_the_shortest(
    lengths, shown: int, make_corpus, drawn, tmp_path: Path
) -> None:
    for number, length in enumerate(lengths):
        soundfile.write(tmp_path / f"u{number}.wav", np.zeros(320 * length), 16_000)
    corpus = make_corpus(lengths)
    write_plots(tmp_path, report(2), corpus, tmp_path)
    samples, rate_hz, codes, frame_rate_hz, intervals = drawn["code_timeline"]
    assert (len(samples), rate_hz, frame_rate_hz) == (320 * lengths[shown], 16_000, 50.0)
    assert np.array_equal(codes, corpus.frames.codes_by_utterance()[shown])
    assert intervals == corpus.intervals[f"u{shown}.wav"]


def test_what_is_not_drawn_again_is_removed(make_corpus, drawn, tmp_path: Path) -> None:
    corpus = make_corpus([30])
    for name in (*PLOTS, "mine.png"):
        (tmp_path / name).write_bytes(b"old")
    paths = write_plots(tmp_path, report(2), corpus, None)
    assert paths == [tmp_path / name for name in PLOTS if name != TIMELINE]
    assert drawn["pnmi_against_bitrate"] == ({"r0": (500.0, 0.0), "r1": (500.0, 0.1)},)
    assert drawn["phone_given_code"] == drawn["class_confusions"] == ("counts", "labels")
    assert not (tmp_path / TIMELINE).exists()
    assert write_plots(tmp_path, report(0), corpus, tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["mine.png"]
