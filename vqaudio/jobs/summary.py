"""What a run did, counted while it runs and told at its end."""

import math
import re
from collections import Counter
from dataclasses import dataclass, field

from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize.file_tokenizer import Outcome
from vqaudio.tokens.schema import CodecStamp

MAX_KINDS = 12


@dataclass
class Kinds:
    """Sentences about files, counted by what they have in common; the first of each kind stands for it."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, source: Source, sentence: str) -> None:
        """Count one.  Numbers and the file's own name do not make a kind."""
        kind = re.sub(r"\b\d+(\.\d+)?\b", "N", sentence.replace(source.path, "FILE").replace(source.id, "FILE"))
        self.counts[kind] += 1
        self.examples.setdefault(kind, f"{source.id}: {sentence}")

    def lines(self, title: str) -> list[str]:
        """The most common kinds, each with its example."""
        common = self.counts.most_common(MAX_KINDS)
        told = [f"{title:9} {count:,} x such as {self.examples[kind]}" for kind, count in common]
        left = self.counts.total() - sum(count for _, count in common)
        return told + ([f"{title:9} {left:,} x other"] if left else [])


@dataclass
class Summary:
    """Counts of one run.  `num_before`: rows that were in the store already."""

    stamp: CodecStamp
    num_before: int = 0
    num_files: int = 0
    num_samples: int = 0
    num_frames: int = 0
    failures: Kinds = field(default_factory=Kinds)
    warnings: Kinds = field(default_factory=Kinds)

    def add(self, outcome: Outcome) -> None:
        """Count one file."""
        if outcome.codes is None:
            self.failures.add(outcome.source, outcome.reason or "")
            return
        self.num_files += 1
        self.num_samples += outcome.num_samples
        self.num_frames += outcome.codes.shape[1]
        for warning in outcome.warnings:
            self.warnings.add(outcome.source, warning)

    @property
    def num_failures(self) -> int:
        """Files without a row."""
        return self.failures.counts.total()

    @property
    def audio_s(self) -> float:
        """Seconds of audio in the rows of this run."""
        return self.num_samples / self.stamp.sample_rate_hz

    def lines(self, wall_s: float) -> list[str]:
        """The report.  wall_s: how long the run took, in seconds."""
        books, rate_hz = self.stamp.num_codebooks, self.stamp.frame_rate_hz
        kbit_s = books * rate_hz * math.log2(self.stamp.codebook_size) / 1000
        before = f", {self.num_before:,} were in the store already" if self.num_before else ""
        told = [
            f"files     {self.num_files:,} tokenized, {self.num_failures:,} failed{before}",
            f"audio     {self.audio_s / 3600:.2f} h in {wall_s:.0f} s, {self.audio_s / wall_s:.0f} x real time",
            f"codes     {self.num_frames * books:,}: {books} codebooks at {rate_hz:g} Hz, {kbit_s:.2f} kbit/s",
        ]
        return told + self.failures.lines("failed") + self.warnings.lines("warnings")
