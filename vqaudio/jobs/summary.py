"""What a run did, counted while it runs and told at its end."""

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from vqaudio.core.units import FrameGrid
from vqaudio.jobs.batch import Outcome

LINES_PER_LIST = 12


@dataclass
class Summary:
    """Counts of one run.  `num_before`: rows that were in the store already."""

    grid: FrameGrid
    codebook_size: int
    num_before: int = 0
    num_files: int = 0
    num_samples: int = 0
    num_frames: int = 0
    num_codebooks: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        if outcome.codes is None:
            self.failures[self._kind(outcome, outcome.reason or "")] += 1
            return
        self.num_files += 1
        self.num_samples += outcome.num_samples
        self.num_codebooks, num_frames = outcome.codes.shape
        self.num_frames += num_frames
        self.warnings.update(self._kind(outcome, warning) for warning in outcome.warnings)

    @property
    def num_failures(self) -> int:
        """Files without a row."""
        return self.failures.total()

    @property
    def hours(self) -> float:
        """Hours of audio in the rows of this run."""
        return self.num_samples / self.grid.sample_rate_hz / 3600

    def lines(self, wall_s: float) -> list[str]:
        """The report.  wall_s: how long the run took."""
        speed = self.hours * 3600 / max(wall_s, 1e-9)
        bits = self.grid.frame_rate_hz * self.num_codebooks * math.log2(self.codebook_size) / 1000
        told = [
            f"files     {self.num_files:,} tokenized, {self.num_failures:,} failed"
            + (f", {self.num_before:,} were in the store already" if self.num_before else ""),
            f"audio     {self.hours:.2f} h in {wall_s:.0f} s, {speed:.0f} x real time",
            f"codes     {self.num_frames * self.num_codebooks:,}: {self.num_codebooks} codebooks, "
            f"{self.grid.frame_rate_hz:g} frames a second, {bits:.2f} kbit/s",
        ]
        return told + _listed("failed", self.failures) + _listed("warnings", self.warnings)

    @staticmethod
    def _kind(outcome: Outcome, reason: str) -> str:
        """The reason without what differs from file to file, so that equal reasons are counted together."""
        for name in (outcome.source.path, outcome.source.id):
            reason = reason.replace(name, "FILE")
        return re.sub(r"\d+(\.\d+)?", "N", reason.removeprefix("FILE").lstrip(": "))


def _listed(title: str, counts: Counter[str]) -> list[str]:
    told = [f"{title:9} {count:6,} x {kind}" for kind, count in counts.most_common(LINES_PER_LIST)]
    left = counts.total() - sum(count for _, count in counts.most_common(LINES_PER_LIST))
    return told + ([f"{title:9} {left:6,} x other"] if left else [])
