"""Quality gates of alignments: which ones are good enough to measure with, and a report of the rest."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.intervals import BackwardTimesError

MISSING, UNREADABLE, BACKWARDS = "missing", "unreadable", "times run backwards"
EMPTY, OVERRUN, SHORTFALL, GAPS = "empty", "ends after the audio", "ends before the audio", "too little covered"


@dataclass(frozen=True)
class AlignmentGates:
    """Limits that an alignment must keep to be measured with.

    min_coverage: least share of the audio's time that its intervals must cover, pauses included.
    max_overrun_s: how much later than the audio the last interval may end.  max_shortfall_s: how much earlier; aligners
    that write no pauses end with the last word.
    Raises VqaudioError for a share that is not in 0 ... 1 or a negative time.
    """

    min_coverage: float = 0.5
    max_overrun_s: float = 0.1
    max_shortfall_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_coverage <= 1 or self.max_overrun_s < 0 or self.max_shortfall_s < 0:
            raise VqaudioError(f"wanted a coverage of 0 to 1 and times of 0 or more, got {self}")

    def refusal(self, intervals: Sequence[Interval], duration_s: float) -> tuple[str, str] | None:
        """Return the reason and the figure for which an alignment is refused, or None if it passes."""
        if not intervals:
            return EMPTY, "no interval"
        late_s = intervals[-1].end_s - duration_s
        if late_s > self.max_overrun_s:
            return OVERRUN, f"{late_s:.3f} s later than {duration_s:.3f} s"
        if late_s < -self.max_shortfall_s:
            return SHORTFALL, f"{-late_s:.3f} s earlier than {duration_s:.3f} s"
        share = coverage(intervals, duration_s)
        return None if share >= self.min_coverage else (GAPS, f"{share:.1%} of {duration_s:.3f} s")


@dataclass(frozen=True)
class AlignmentReport:
    """A report of how many alignments passed the gates, and why the others were left out.

    num_kept: alignments that passed.  skipped: utterance -> (reason, figure or error).
    """

    num_kept: int
    skipped: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        """Reason -> utterances left out for it, the most frequent first."""
        return dict(Counter(reason for reason, _ in self.skipped.values()).most_common())

    def __str__(self) -> str:
        total = f"{self.num_kept} of {self.num_kept + len(self.skipped)} alignments used"
        reasons = ", ".join(f"{reason} {count}" for reason, count in self.counts.items())
        return f"{total}; left out: {reasons}" if reasons else total


def coverage(intervals: Sequence[Interval], duration_s: float) -> float:
    """Return the share of the audio that lies in an interval, 0 to 1."""
    if duration_s <= 0:
        return 0.0
    covered_s = sum(max(0.0, min(interval.end_s, duration_s) - interval.start_s) for interval in intervals)
    return min(1.0, covered_s / duration_s)


def gate_alignments(
    durations_s: Mapping[str, float],
    find: Callable[[str], Callable[[], list[Interval]] | None],
    gates: AlignmentGates | None = None,
) -> tuple[dict[str, list[Interval]], AlignmentReport]:
    """Read the alignments of the utterances that have a good one, and report on all.

    durations_s: utterance -> length of its audio.  find: gives what reads an utterance's alignment, or None;
    `AlignmentIndex.find` is such a function.  A damaged file is reported and does not stop the rest.
    """
    gates = gates or AlignmentGates()
    kept: dict[str, list[Interval]] = {}
    skipped: dict[str, tuple[str, str]] = {}
    for utterance, duration_s in durations_s.items():
        try:
            read = find(utterance)
            if read is None:
                skipped[utterance] = (MISSING, "no alignment of that name")
                continue
            intervals = read()
            refusal = gates.refusal(intervals, duration_s)
        except BackwardTimesError as error:
            refusal, intervals = (BACKWARDS, str(error)), []
        except VqaudioError as error:
            refusal, intervals = (UNREADABLE, str(error)), []
        if refusal is None:
            kept[utterance] = intervals
        else:
            skipped[utterance] = refusal
    return kept, AlignmentReport(len(kept), skipped)
