"""The loop and the end of verbs that process recordings one by one."""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from vqaudio.cli.terminal.interruption import StopRequest
from vqaudio.cli.terminal.outcomes import keep_outcomes, notes_on, print_summary, require_counts
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import Outcome


@dataclass
class Counted:
    num_failures: int = 0
    asked_s: list[float] = field(default_factory=list)

    def lines(self, wall_s: float) -> list[str]:
        self.asked_s.append(wall_s)
        return ["files     one", "audio     two"]


def test_counts_are_checked_from_their_lowest_value_on_and_what_was_not_given_is_not():
    args = argparse.Namespace(batch_size=1, workers=0, codebooks=None)
    require_counts(args, batch_size=1, workers=0, codebooks=1)
    with pytest.raises(VqaudioError, match="--batch-size must be at least 2, got 1"):
        require_counts(args, workers=0, batch_size=2)


def test_failures_come_before_warnings_and_each_has_its_line():
    source = Source("a.wav", "/a.wav")
    assert notes_on(Outcome(source)) == []
    assert notes_on(Outcome(source, warnings=("clipped", "short"), reason="broken")) == [
        "failed: a.wav: broken",
        "warning: a.wav: clipped",
        "warning: a.wav: short",
    ]


@pytest.mark.parametrize("num_failed", [19, 20, 21, 30])
def test_every_outcome_is_kept_and_the_first_twenty_notes_are_shown(capsys, num_failed):
    sources = [Source(f"{number}.wav", "", num_bytes=10) for number in range(40)]
    kept, waited = [], []

    def outcomes(on_wait: Callable[[], None]) -> Iterator[Outcome]:
        for number, source in enumerate(sources):
            on_wait()
            yield Outcome(source, reason="broken" if number < num_failed else None)

    keep_outcomes(outcomes, kept.append, sources, lambda: waited.append(1) or 1.0, is_quiet=False)
    assert [outcome.source for outcome in kept] == sources
    assert len(waited) == 40
    lines = capsys.readouterr().err.splitlines()
    assert [line.removesuffix(" (further ones are only counted)") for line in lines] == [
        f"failed: {number}.wav: broken" for number in range(min(20, num_failed))
    ]
    assert [line.endswith("(further ones are only counted)") for line in lines[19:]] == [True] * (num_failed >= 20)
    keep_outcomes(outcomes, kept.append, sources, lambda: 1.0, is_quiet=True)
    assert capsys.readouterr().err == ""


def end(num_failures: int, *, is_stopped: bool = False, is_quiet: bool = False, max_failures: int = 2) -> int:
    stop = StopRequest()
    if is_stopped:
        stop.exit_status = 143
        stop.set()
    rest: dict[str, Any] = {"kept": "all is kept", "reasons": Path("out/failures.jsonl"), "advice": ", see --help"}
    return print_summary(
        Counted(num_failures), 1.5, "store     out", is_quiet=is_quiet, max_failures=max_failures, stop=stop, **rest
    )


@pytest.mark.parametrize(("num_failures", "status"), [(0, 0), (2, 0), (3, 2)])
def test_more_failures_than_allowed_give_status_two_and_a_sentence(capsys, num_failures, status):
    assert end(num_failures) == status
    told = capsys.readouterr()
    assert told.out.splitlines() == ["files     one", "audio     two", "store     out"]
    said = "3 files failed, --max-failures is 2; the reasons are in out/failures.jsonl, see --help\n"
    assert told.err == (said if status else "")


def test_a_run_that_was_stopped_has_the_status_of_its_signal_whatever_failed(capsys):
    assert end(9, is_stopped=True) == 143
    assert capsys.readouterr().err == "stopped; all is kept: the same command with --resume goes on\n"


def test_quiet_keeps_what_went_wrong(capsys):
    assert end(3, is_quiet=True) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "3 files failed" in told.err
