"""The shared part of verbs that process recordings one by one: the loop, the notes on files, the summary."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from vqaudio.cli.terminal.interruption import StopRequest
from vqaudio.cli.terminal.progress import RunProgress, shown
from vqaudio.core.errors import VqaudioError
from vqaudio.core.printable import printable
from vqaudio.jobs.sources import Source

EXIT_FAILURES = 2
MAX_NOTES = 20  # lines about single files; what they have in common is in the summary


class Outcome(Protocol):
    """The outcome of one recording; a reason says why it failed."""

    @property
    def source(self) -> Source:
        """The recording."""
        ...

    @property
    def reason(self) -> str | None:
        """Why it failed, or None."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the user, in words."""
        ...


Kept = TypeVar("Kept", bound=Outcome)


class Summary(Protocol):
    """The counts of a run, printed at its end."""

    @property
    def num_failures(self) -> int:
        """Recordings that failed."""
        ...

    def lines(self, wall_s: float) -> list[str]:
        """Format the summary.  wall_s: how long the run took, in seconds."""
        ...


def require_counts(args: argparse.Namespace, **lowest: int) -> None:
    """Check the options that are counts, each against its lowest value.  Raises VqaudioError for one below."""
    for name, bound in lowest.items():
        value = getattr(args, name)
        if value is not None and value < bound:
            raise VqaudioError(f"--{name.replace('_', '-')} must be at least {bound}, got {value}")


def keep_outcomes(
    outcomes: Callable[[Callable[[], None]], Iterator[Kept]],
    keep: Callable[[Kept], None],
    sources: Sequence[Source],
    audio_s: Callable[[], float],
    *,
    is_quiet: bool,
) -> None:
    """Keep every outcome as it comes, with progress and a note on what failed or warns, up to MAX_NOTES lines.

    outcomes: given what to call while it waits.  audio_s: seconds of audio that went through so far.
    """
    num_notes = 0
    total_bytes = sum(source.num_bytes for source in sources)
    with shown(RunProgress(total_bytes, len(sources), is_quiet=is_quiet)) as progress:
        for outcome in outcomes(lambda: progress.update(audio_s())):
            keep(outcome)
            progress.finish_file(outcome.source.num_bytes)
            for line in notes_on(outcome):
                num_notes += 1
                if num_notes <= MAX_NOTES:
                    progress.note(line if num_notes < MAX_NOTES else f"{line} (further ones are only counted)")


def notes_on(outcome: Outcome) -> list[str]:
    """Format the failure or the warnings of one file."""
    name = outcome.source.id
    failed = [f"failed: {name}: {outcome.reason}"] if outcome.reason else []
    return failed + [f"warning: {name}: {warning}" for warning in outcome.warnings]


def print_summary(
    summary: Summary,
    wall_s: float,
    result: str,
    *,
    is_quiet: bool,
    max_failures: int,
    stop: StopRequest,
    kept: str,
    reasons: Path,
    advice: str = "",
) -> int:
    """Print the summary on stdout and what went wrong on stderr; return the exit status.

    result: the line that names what was written.  kept: what to say of a run that was stopped.
    reasons: the file with the failures.  advice: what else helps, after their number.
    """
    if not is_quiet:
        print("\n".join(map(printable, [*summary.lines(wall_s), result])))
    if stop.is_set():
        print(f"stopped; {kept}: the same command with --resume goes on", file=sys.stderr)
        return stop.exit_status
    if summary.num_failures > max_failures:
        failure = f"{summary.num_failures} files failed, --max-failures is {max_failures}; the reasons are in {reasons}"
        print(printable(failure + advice), file=sys.stderr)
        return EXIT_FAILURES
    return 0
