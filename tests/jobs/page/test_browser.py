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
    assert len(drawn) == 7
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
