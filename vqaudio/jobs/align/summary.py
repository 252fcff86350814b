"""The summary of an alignment run, counted while it runs and printed at its end."""

from collections import Counter
from dataclasses import dataclass, field

from vqaudio.corpora.alignment.labels import NO_PHONE, label_map
from vqaudio.jobs.align.run import AlignOutcome
from vqaudio.jobs.summary import Kinds

MAX_WORDS = 10  # named of those without a pronunciation; the folder has the list


@dataclass
class AlignSummary:
    """The counts of one run.  num_before: recordings that had a TextGrid already."""

    num_before: int = 0
    num_files: int = 0
    num_words: int = 0
    num_phones: int = 0
    num_unknown: int = 0  # recordings with words that have no pronunciation
    audio_s: float = 0.0
    unknown_words: Counter[str] = field(default_factory=Counter)
    failures: Kinds = field(default_factory=Kinds)
    warnings: Kinds = field(default_factory=Kinds)

    def add(self, outcome: AlignOutcome) -> None:
        """Count one recording."""
        if outcome.tiers is None:
            self.unknown_words.update(outcome.unknown_words)
            if outcome.unknown_words:
                self.num_unknown += 1
            else:
                self.failures.add(outcome.source, outcome.reason or "")
            return
        self.num_files += 1
        self.audio_s += outcome.duration_s
        self.num_words += sum(interval.label != "" for interval in outcome.tiers["words"])
        phones = label_map("arpabet-39").map_labels(interval.label for interval in outcome.tiers["phones"])
        self.num_phones += sum(phone not in (NO_PHONE, "SIL") for phone in phones)
        for warning in outcome.warnings:
            self.warnings.add(outcome.source, warning)

    @property
    def num_failures(self) -> int:
        """Recordings without a TextGrid."""
        return self.failures.counts.total() + self.num_unknown

    def lines(self, wall_s: float) -> list[str]:
        """Format the summary.  wall_s: how long the run took, in seconds."""
        before = f", {self.num_before:,} were there already" if self.num_before else ""
        lines = [
            f"files     {self.num_files:,} aligned, {self.num_failures:,} failed{before}",
            f"audio     {self.audio_s / 3600:.2f} h in {wall_s:.0f} s, {self.audio_s / wall_s:.0f} x real time",
            f"labels    {self.num_words:,} words, {self.num_phones:,} phones",
        ]
        if self.num_unknown:
            words = ", ".join(f"{word} ({count})" for word, count in self.unknown_words.most_common(MAX_WORDS))
            more = ", ..." if len(self.unknown_words) > MAX_WORDS else ""
            lines.append(f"failed    {self.num_unknown:,} x for words without a pronunciation: {words}{more}")
        return lines + self.failures.lines("failed") + self.warnings.lines("warnings")
