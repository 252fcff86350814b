"""A probe on the page: the figures as they were written, and the pictures beside them."""

import base64
import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.page.probe_section import ProbeFindings, probe_section, read_findings
from vqaudio.jobs.probe.pictures import CONFUSIONS, HEAT_MAP, TIMELINE

pytest.importorskip("matplotlib")


def words(section: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", section))


def test_the_headline_stands_among_its_controls_as_it_was_measured(findings: ProbeFindings) -> None:
    section = probe_section(findings)
    for name in ("codes", "shuffled codes", "random codes"):
        row = findings.report.row(name)
        cells = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', section)
        assert cells is not None
        found = re.findall(r"<td>(.*?)</td>", cells[1])
        assert found[0] == f"{row.information.pnmi:.3f}"
        assert found[5] == f"{row.mapping.accuracy:.3f}"
    assert findings.report.row("codes").information.pnmi == pytest.approx(1)
    for wanted in ("2,000 labelled frames of 4 utterances", "prior (the most frequent phone", "no control on MFCC"):
        assert wanted in words(section)


def test_pictures_are_those_of_the_folder_and_each_says_what_it_shows(findings: ProbeFindings, probed: Path) -> None:
    pictures = re.findall(r'src="data:image/png;base64,([^"]*)" alt="([^"]+)"', probe_section(findings))
    assert [base64.b64decode(content) for content, _ in pictures] == [
        (probed / name).read_bytes() for name in (HEAT_MAP, CONFUSIONS, TIMELINE)
    ]
    assert len({told for _, told in pictures}) == 3


def test_the_chart_against_bitrate_has_the_published_points_and_tells_its_own_in_words(findings: ProbeFindings) -> None:
    chart = probe_section(findings)
    assert "MFCC, K=100 (published)" in chart
    assert re.search(r'<svg role="img" aria-label="[^"]*codes 1\.000, [^"]* at 200', chart)


def test_the_json_alone_gives_the_tables_and_the_chart(probed: Path) -> None:
    findings = read_findings(probed / "probe.json")
    section = probe_section(findings)
    assert findings.pictures == {}
    assert "<img" not in section
    assert "<svg" in section
    assert "shuffled codes" in section


def test_a_refused_headline_is_told_and_has_neither_figures_nor_pictures(probed: Path, tmp_path: Path) -> None:
    content = json.loads((probed / "probe.json").read_text())
    content |= {"headline": {}, "phones": [], "classes": {}, "lags": {}}
    content["gate"] |= {"num_codes": 1000}
    (tmp_path / "probe.json").write_text(json.dumps(content))
    (tmp_path / HEAT_MAP).write_bytes((probed / HEAT_MAP).read_bytes())
    section = probe_section(read_findings(tmp_path))
    assert "headline refused: 2 labelled frames for each of 1000 codes" in words(section)
    assert not any(tag in section for tag in ("<img", "<svg", "<table"))


def test_what_no_probe_wrote_is_refused(probed: Path, tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match=r"probe\.json"):
        read_findings(tmp_path)
    (tmp_path / "probe.json").write_bytes((probed / "probe.json").read_bytes())
    (tmp_path / TIMELINE).write_text("no picture")
    with pytest.raises(VqaudioError, match="no PNG picture"):
        read_findings(tmp_path)


def test_labels_are_shown_as_they_are(findings: ProbeFindings) -> None:
    (row, *_) = findings.report.classes["manner"]
    report = replace(findings.report, classes={"manner": (replace(row, label="<b>"),)}, notes=("a < b",))
    section = probe_section(ProbeFindings(report))
    assert "&lt;b&gt;" in section
    assert "a &lt; b" in section
