"""Progress for people and for log files."""

import io

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
