"""The page as text: whole, closed, escaped, and without anything that lies outside of it."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.page.document import Page, write_page

pytest.importorskip("matplotlib")
VOID = {"meta", "link", "img", "br", "path", "use", "rect", "circle"}


class Reader(HTMLParser):
    """Keeps every start tag with its attributes and checks that elements are closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in {"style", "script"}:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for found, attributes in self.found if found == tag]


def read(page: Page) -> Reader:
    reader = Reader()
    reader.feed(page.render())
    reader.close()
    assert reader.open == []
    return reader


def test_every_version_has_a_player_and_every_recording_its_pictures(page: Page) -> None:
    reader = read(page)
    players = [str(player["aria-label"]) for player in reader.all("audio")]
    assert len(players) == 2 * 4
    assert players[:4] == [
        f"{label}: sub/a & <i>.wav"
        for label in ("Original", "levels & <more>, 1 codebook", "levels & <more>, 2 codebooks", "opus 6")
    ]
    found = [picture["class"] for picture in reader.all("img") if "class" in picture]
    assert found == ["spectrogram", "codes", "spectrogram"] * 2
    assert all(picture["alt"] for picture in reader.all("img"))
    # pesq_wb and mel_db, two of codebooks, PNMI, training, evaluation and learning rate
    assert [chart["role"] for chart in reader.all("svg")] == ["img"] * 8


def test_codes_stand_under_their_sound_even_where_the_last_frame_is_not_whole(page: Page) -> None:
    styles = [picture["style"] for picture in read(page).all("img") if picture.get("class") == "codes"]
    assert styles == ["width:100.000%", f"width:{100 * 31 / 30.5:.3f}%"]


def test_nothing_on_the_page_lies_outside_of_it(page: Page) -> None:
    reader = read(page)
    for tag, attributes in reader.found:
        for name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            if name in attributes:
                assert str(attributes[name]).startswith(("data:", "#")), (tag, name)
    (policy,) = [meta["content"] for meta in reader.all("meta") if "http-equiv" in meta]
    assert str(policy).startswith("default-src 'none'")
    text = page.render()
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_names_and_texts_are_shown_as_they_are(page: Page) -> None:
    text = read(page).text
    for wanted in ("sub/a & <i>.wav", "What <b> said & meant", 'b "quoted".wav', "levels & <more>", "it is <no> sound"):
        assert wanted in text


def test_the_measured_figures_their_coverage_and_the_training_are_told(page: Page) -> None:
    text = read(page).text
    for wanted in (
        "2.00 ±0.15",
        "7.40 kbit/s",
        "not measured: visqol: the package visqol is not installed",
        "opus 6: stoi leaves out 2 files",
        "Codebooks over 1,000 frames",
        "80.0%",
        "lines of the log that could not be read: 1",
        "spectrum",
        "Measured on 2 files.",
    ):
        assert wanted in text


def test_a_page_without_a_training_log_or_a_probe_has_no_empty_sections_and_says_how_to_give_one(bare: Page) -> None:
    reader = read(bare)
    assert [section["id"] for section in reader.all("section")] == ["listen", "rates", "measured", "codebooks"]
    assert "--training log.jsonl" in reader.text
    assert "--probe DIR" in reader.text
    without = replace(bare.report, rows=(), codebooks=())
    assert [section["id"] for section in read(replace(bare, report=without)).all("section")] == ["listen", "measured"]


def test_one_codebook_has_a_line_in_the_table_and_no_bar(bare: Page) -> None:
    (first, _) = bare.report.codebooks
    charts = [str(chart["aria-label"]) for chart in read(bare).all("svg")]
    assert sum("codebook" in chart for chart in charts) == 2
    reader = read(replace(bare, report=replace(bare.report, codebooks=(first,))))
    assert not any("codebook" in str(chart["aria-label"]) for chart in reader.all("svg"))
    assert "levels & <more> #1" in reader.text


def test_what_is_said_stands_between_the_pictures_and_the_players(page: Page) -> None:
    for article in page.render().split("<article")[1:]:
        assert article.index("<img") < article.index("What &lt;b&gt; said &amp; meant") < article.index("<audio")


def test_ids_are_unique_and_every_section_can_be_reached(page: Page) -> None:
    reader = read(page)
    ids = [str(attributes["id"]) for _, attributes in reader.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {str(link["href"])[1:] for link in reader.all("a")}
    assert {section["id"] for section in reader.all("section")} == targets


def test_a_page_is_written_whole_and_the_same_each_time(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    assert write_page(page, path) == path.stat().st_size
    assert path.read_text(encoding="utf-8") == page.render()
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]
    with pytest.raises(VqaudioError, match="cannot be"):
        write_page(page, path / "below.html")
