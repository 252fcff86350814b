"""Charts show the figures that they are given, for files and for pages."""

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate.charts import (
    INK,
    PALETTE,
    draw_rate_panel,
    drawing,
    inline_svg,
    new_figure,
    rate_points,
    write_rate_distortion,
)
from vqaudio.jobs.evaluate.reference_codecs import Rates
from vqaudio.jobs.evaluate.report import CodebookHealth, Report, Row
from vqaudio.metrics.bootstrap import MeanScore


def score(mean: float) -> MeanScore:
    return MeanScore(mean, mean - 0.1, mean + 0.2, 5, 0, 0)


@pytest.fixture
def report() -> Report:
    """A codec with three settings, one of them without a score, in no order of rate, and two anchors."""
    rows = [
        Row("mine", k, Rates(nominal=kbps, entropy=kbps / 2), {"pesq_wb": score(mean), "mel_db": score(5 - mean)})
        for k, kbps, mean in (("8", 4.0, 3.0), ("1", 0.5, 1.5), ("4", 2.0, math.nan))
    ]
    rows.append(Row("opus", "6", Rates(file=7.4), {"pesq_wb": score(2.0), "mel_db": score(4.0)}))
    rows.append(Row("opus", "12", Rates(nominal=12.0, file=13.0), {"pesq_wb": score(3.5), "mel_db": score(2.0)}))
    return Report(5, 60.0, 16_000, tuple(rows), (CodebookHealth("mine", 0, 1.0, 900.0, 9.8, 0.01, 3000),))


def test_points_stand_at_the_real_rate_in_order_and_without_what_was_not_scored(report: Report) -> None:
    points = rate_points(report, "pesq_wb")
    assert [(point.label, point.kbps) for point in points["mine"]] == [("1", 0.5), ("8", 4.0)]
    assert [(point.label, point.kbps) for point in points["opus"]] == [("6", 7.4), ("12", 13.0)]
    assert rate_points(report, "stoi") == {}


def test_a_codec_is_a_curve_with_its_intervals_and_an_anchor_is_points(report: Report) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.container import ErrorbarContainer

    with drawing():
        (axes,) = new_figure().axes
        draw_rate_panel(axes, report, "pesq_wb")
    curves = {drawn.get_label(): drawn.lines for drawn in axes.containers if isinstance(drawn, ErrorbarContainer)}
    line, _, bars = curves["mine"]
    assert line.get_linestyle() == "-"
    assert curves["opus"][0].get_linestyle() == "None"
    np.testing.assert_allclose(np.array(line.get_xydata()), [(0.5, 1.5), (4.0, 3.0)])
    np.testing.assert_allclose(np.array(bars[0].get_segments()), [[(0.5, 1.4), (0.5, 1.7)], [(4, 2.9), (4, 3.2)]])
    assert [text.get_text() for text in axes.texts] == ["6", "12"]


def test_ticks_stand_at_powers_of_two_around_every_rate(report: Report) -> None:
    pytest.importorskip("matplotlib")
    with drawing():
        (axes,) = new_figure().axes
        draw_rate_panel(axes, report, "pesq_wb")
    assert axes.get_xticks().tolist() == [0.5, 1, 2, 4, 8, 16]  # of 0.5 to 13 kbit/s


def test_both_files_are_written_with_a_panel_per_metric_that_was_measured(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # it would open a display's library
    png, svg = write_rate_distortion(report, tmp_path / "plots")
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    for wanted in ("PESQ-WB", "mel dB (lower is better)", "mine", "opus", "kbit/s", "12"):
        assert f">{wanted}<" in text
    assert "STOI" not in text
    assert write_rate_distortion(report, tmp_path / "again")[1].read_text() == text


def test_charts_of_a_page_follow_its_colours_and_share_no_id(report: Report) -> None:
    pytest.importorskip("matplotlib")
    with drawing():
        found = []
        for name in ("one", "two"):
            figure = new_figure()
            draw_rate_panel(figure.axes[0], report, "pesq_wb")
            found.append(inline_svg(figure, name, 'PESQ "by" rate'))
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in found]
    assert ids[0]
    assert not ids[0] & ids[1]
    for svg, defined in zip(found, ids, strict=True):
        assert svg.startswith('<svg role="img" aria-label="PESQ &quot;by&quot; rate"')
        assert set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg)) <= defined
        assert "currentColor" in svg
        assert "var(--series-1)" in svg
        assert not any(colour in svg for colour in (INK, *PALETTE))


def test_without_matplotlib_or_without_figures_the_answer_says_what_to_do(
    report: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(VqaudioError, match="pesq_wb"):
        write_rate_distortion(Report(0, 0.0, 16_000, (), ()), tmp_path)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(VqaudioError, match=r"vqaudio\[plots\]"):
        write_rate_distortion(report, tmp_path)
