"""The page in a real Chromium without a network: it plays, it shows its plots, and nothing is wrong with it."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from vqaudio.jobs.page.document import Page, write_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
PATIENCE_MS = 120_000  # the machine may be busy

# An answer or an error, never a wait without an end: a script that is being evaluated has no limit of its own.
UNTIL = f"""const until = async (holds) => {{
  const end = performance.now() + {PATIENCE_MS // 4};
  while (!holds()) {{
    if (performance.now() > end) throw new Error(`waited in vain: ${{holds}}`);
    await new Promise((done) => setTimeout(done, 20));
  }}
}};"""

# Plays one player until its time moves; answers its duration and its time then.
PLAY = f"""async (player) => {{
  {UNTIL}
  await until(() => player.error || player.readyState > 0);
  if (player.error) throw new Error(player.error.message);
  await player.play();
  await until(() => player.currentTime > 0);
  const found = [player.duration, player.currentTime];
  player.pause();
  return found;
}}"""


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("no Chromium here; Debian's package is chromium-headless-shell")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra dev")
    with api.sync_playwright() as driver:
        flags = ["--autoplay-policy=no-user-gesture-required"]
        started = driver.chromium.launch(executable_path=program, args=flags, timeout=PATIENCE_MS)
        yield started
        started.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser says against the page: its console, its errors, requests for anything outside."""
    return []


@pytest.fixture
def tab(browser: "Browser", page: Page, complaints: list[str], tmp_path: Path) -> "Iterator[Tab]":
    """The page, opened from the disk."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "report & more.html"
    write_page(page, path)
    opened = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
    opened.set_default_timeout(PATIENCE_MS)
    opened.on("console", lambda message: complaints.append(f"console {message.type}: {message.text}"))
    opened.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    opened.on("requestfailed", lambda request: complaints.append(f"failed: {request.url[:80]}"))

    def watch(url: str) -> None:
        if not url.startswith("data:") and url != path.as_uri():
            complaints.append(f"request: {url[:80]}")

    opened.on("request", lambda request: watch(request.url))
    opened.goto(path.as_uri())
    yield opened
    opened.close()


def test_every_player_loads_and_plays(tab: "Tab", page: Page, complaints: list[str]) -> None:
    players = tab.query_selector_all("audio")
    wanted_s = [len(heard.original) / 16_000 for heard in page.listening.utterances for _ in range(4)]
    assert len(players) == len(wanted_s)
    for player, seconds in zip(players, wanted_s, strict=True):
        duration, reached = player.evaluate(PLAY)
        assert duration == pytest.approx(seconds, abs=0.001)
        assert reached > 0
    assert complaints == []


def test_pictures_and_plots_are_there_and_nothing_reaches_beyond_a_phone(tab: "Tab", complaints: list[str]) -> None:
    loaded = tab.evaluate("[...document.images].map((one) => [one.naturalWidth, one.getBoundingClientRect().height])")
    assert [width for width, _ in loaded[:6]] == [151, 75, 151, 62, 31, 62]  # 10 ms a column, 20 ms a code
    probed = [width for width, _ in loaded[6:]]  # heat map, confusions and timeline of the probe, at 150 an inch
    assert probed == [1200, 1500, 900]
    assert all(height > 10 for _, height in loaded)
    drawn = tab.evaluate(
        "[...document.querySelectorAll('.graphs svg')].map("
        "(one) => [one.getBoundingClientRect().height, one.querySelectorAll('path').length])"
    )
    assert len(drawn) == 8
    assert all(height > 100 and num_paths > 10 for height, num_paths in drawn)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert complaints == []


def test_one_sound_stops_another_and_the_line_shows_where_it_is(tab: "Tab", complaints: list[str]) -> None:
    found = tab.evaluate(f"""async () => {{
      {UNTIL}
      const [first, second] = document.querySelectorAll("audio");
      const head = document.querySelector(".playhead");
      await first.play();
      await second.play();
      await until(() => second.currentTime > 0.2);
      second.pause();
      await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      const place = parseFloat(head.style.left) / 100;
      return [first.paused, second.currentTime / second.duration, place, head.style.opacity];
    }}""")
    is_stopped, share, place, opacity = found
    assert is_stopped
    assert place == pytest.approx(share, abs=0.1)
    assert opacity == "1"
    assert complaints == []


def test_the_keyboard_reaches_the_recordings_and_plays_them(tab: "Tab", complaints: list[str]) -> None:
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    tab.keyboard.press("Enter")
    for _ in range(20):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement.tagName") == "AUDIO":
            break
    tab.keyboard.press("Space")
    # The page forbids `eval`, on which playwright's own wait_for_function rests.
    tab.evaluate(f"async () => {{ {UNTIL} await until(() => document.querySelector('audio').currentTime > 0); }}")
    assert complaints == []


def test_text_can_be_read_in_the_dark(tab: "Tab") -> None:
    ink, paper = tab.evaluate(
        "[getComputedStyle(document.querySelector('.graphs svg text')).fill, "
        "getComputedStyle(document.body).backgroundColor]"
    )
    first, second = (sum(map(int, colour[4:-1].split(","))) for colour in (ink, paper))
    assert first > 600
    assert second < 100


def test_another_version_goes_on_where_the_one_before_is_by_button_and_by_key(
    tab: "Tab", complaints: list[str]
) -> None:
    """Plays the second version from 0.5 s on; what was chosen then, and where it begins."""
    begin = f"""async () => {{
      {UNTIL}
      const [, second] = document.querySelectorAll("audio");
      second.currentTime = 0.5;
      await second.play();
      await until(() => second.currentTime > 0.55);
    }}"""
    found = f"""async () => {{
      {UNTIL}
      const all = [...document.querySelectorAll("audio")];
      await until(() => all.filter((one) => !one.paused && !one.seeking).length === 1);
      const number = all.findIndex((one) => !one.paused);
      const pressed = [...document.querySelectorAll("[aria-pressed=true]")];
      const told = [number, all[number].currentTime, pressed.map((one) => one.nextElementSibling === all[number])];
      return told;
    }}"""
    for choose, wanted in (
        (lambda: tab.evaluate("document.querySelectorAll('.players button')[3].click()"), 3),
        (lambda: tab.keyboard.press("1"), 0),
        (lambda: tab.keyboard.press("x"), 1),
        (lambda: tab.evaluate("void document.querySelectorAll('audio')[2].play()"), 2),
    ):
        tab.evaluate("document.querySelectorAll('audio').forEach((one) => one.pause())")
        tab.evaluate(begin)
        if wanted == 1:  # back from the first
            tab.keyboard.press("1")
            assert tab.evaluate(found)[0] == 0
        choose()
        number, place, pressed = tab.evaluate(found)
        assert number == wanted
        assert 0.5 < place <= 1.5
        assert pressed == [True]
    tab.evaluate("document.querySelectorAll('audio').forEach((one) => one.pause())")
    tab.keyboard.press("9")  # of four versions
    assert complaints == []


def test_what_is_wider_than_a_phone_shows_where_it_goes_on(tab: "Tab") -> None:
    edges = """() => {
      const box = [...document.querySelectorAll(".table .scroll")].find((one) => one.scrollWidth > one.clientWidth + 9);
      const shown = () => ["::before", "::after"].map((edge) => {
        for (const drawn of document.getAnimations()) drawn.finish();
        return getComputedStyle(box.parentElement, edge).opacity;
      });
      const wait = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      return (async () => {
        await wait();
        const first = shown();
        box.scrollLeft = box.scrollWidth;
        await wait();
        return [first, shown(), box.querySelector("tbody th").getBoundingClientRect().left >= 0];
      })();
    }"""
    before, after, is_first_column_seen = tab.evaluate(edges)
    assert before[1] == "1"
    assert after[1] == "0"
    assert is_first_column_seen
    narrow = "[...document.querySelectorAll('.wide')].filter((one) => one.scrollWidth <= innerWidth).length"
    assert tab.evaluate(narrow) > 0


def test_every_chart_has_the_letters_of_the_page_and_heat_maps_follow_the_dark(tab: "Tab") -> None:
    families, sizes, widths = tab.evaluate("""(() => {
      const texts = [...document.querySelectorAll(".graphs svg text")];
      const scales = texts.map((one) => Math.hypot(one.getScreenCTM().a, one.getScreenCTM().b));
      return [
        [...new Set([document.body, ...texts].map((one) => getComputedStyle(one).fontFamily))],
        texts.map((one, index) => parseFloat(getComputedStyle(one).fontSize) * scales[index]),
        [...new Set([...document.querySelectorAll(".graphs svg")].map((one) => one.getBoundingClientRect().width))],
      ];
    })()""")
    assert len(families) == 1
    assert max(widths) - min(widths) < 1
    assert 9 < min(sizes) <= max(sizes) < 16
    assert "invert" in tab.evaluate("getComputedStyle(document.querySelector('.plot img')).filter")
    tab.emulate_media(color_scheme="light")
    assert tab.evaluate("getComputedStyle(document.querySelector('.plot img')).filter") == "none"


def test_axes_of_a_spectrogram_are_beside_it_in_the_colour_of_the_page(tab: "Tab") -> None:
    picture, highest, lowest, first, ink = tab.evaluate("""(() => {
      const box = (one) => one.getBoundingClientRect().toJSON();
      const plane = document.querySelector(".plane"), hertz = plane.querySelectorAll(".hertz span");
      return [box(plane.querySelector(".spectrogram")), box(hertz[hertz.length - 1]), box(hertz[0]),
        box(plane.querySelector(".seconds span")), getComputedStyle(hertz[0]).color];
    })()""")
    assert highest["right"] <= picture["left"]
    assert (highest["top"] + highest["bottom"]) / 2 == pytest.approx(picture["top"], abs=2)
    assert (lowest["top"] + lowest["bottom"]) / 2 == pytest.approx(picture["bottom"], abs=2)
    assert first["left"] == pytest.approx(picture["left"], abs=2)
    assert first["top"] >= picture["bottom"]
    assert sum(map(int, ink[4:-1].split(","))) > 400  # on dark
