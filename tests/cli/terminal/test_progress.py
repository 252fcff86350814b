"""Progress for people and for log files."""

import io

import pytest

from vqaudio.cli.terminal import progress as module
from vqaudio.cli.terminal.progress import RunProgress, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(stream: io.StringIO, *, line_every_s: float = 5.0, is_quiet: bool = False) -> str:
    with shown(RunProgress(100, 4, stream=stream, line_every_s=line_every_s, is_quiet=is_quiet)) as progress:
        for files in range(4):
            progress.update(900.0 * files)
            progress.finish_file(25)
        progress.note("failed: a.wav: [empty]")
        progress.update(3600.0)
    return stream.getvalue()


def test_elsewhere_than_on_a_terminal_there_are_plain_lines() -> None:
    told = run(io.StringIO(), line_every_s=0.0)
    assert "\x1b" not in told
    assert "\r" not in told
    assert "4/4 files, 1.00 h, " in told
    assert " x real time, about 0:00 left" in told
    assert "failed: a.wav: [empty]\n" in told


def test_lines_keep_their_distance() -> None:
    assert run(io.StringIO(), line_every_s=60.0) == "failed: a.wav: [empty]\n"


def test_on_a_terminal_a_bar_shows_the_same() -> None:
    told = run(Terminal())
    assert "\x1b" in told
    assert "4/4 files, 1.00 h, " in told
    assert "failed: a.wav: [empty]" in told


def test_quiet_says_nothing() -> None:
    assert run(Terminal(), is_quiet=True) == run(io.StringIO(), is_quiet=True, line_every_s=0.0) == ""


class Clock:
    """Stands for the module `time`: it goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def monotonic(self) -> float:
        return self.now_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_the_time_left_follows_from_the_share_of_bytes_that_is_done(clock: Clock) -> None:
    """A quarter took 10 minutes: three are left, and each is as long."""
    stream = io.StringIO()
    progress = RunProgress(4_000, 8, stream=stream, line_every_s=0.0)
    clock.now_s += 600
    progress.finish_file(1_000)
    progress.update(7_200.0)
    assert stream.getvalue() == "1/8 files, 2.00 h, 12 x real time, about 30:00 left\n"


@pytest.mark.parametrize(
    ("taken_s", "left"), [(1.0, "0:03"), (20.0, "1:00"), (1_333.0, "1:06:39"), (36_000.0, "30:00:00")]
)
def test_the_time_left_reads_as_a_clock(clock: Clock, taken_s: float, left: str) -> None:
    stream = io.StringIO()
    progress = RunProgress(100, 2, stream=stream, line_every_s=0.0)
    clock.now_s += taken_s
    progress.finish_file(25)
    progress.update(0.0)
    assert stream.getvalue().endswith(f"about {left} left\n")


def test_before_the_first_file_is_done_no_time_is_promised(clock: Clock) -> None:
    stream = io.StringIO()
    progress = RunProgress(100, 2, stream=stream, line_every_s=0.0)
    clock.now_s += 10
    progress.update(100.0)
    assert stream.getvalue() == "0/2 files, 0.03 h, 10 x real time\n"


def test_a_line_comes_every_so_many_seconds_and_not_between(clock: Clock) -> None:
    stream = io.StringIO()
    progress = RunProgress(100, 2, stream=stream, line_every_s=5.0)
    lines = []
    for _ in range(24):
        clock.now_s += 1
        progress.update(0.0)
        lines.append(stream.getvalue().count("\n"))
    assert lines == [second // 5 for second in range(1, 25)]
