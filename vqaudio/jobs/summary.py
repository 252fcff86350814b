"""Failures and warnings of a run, counted by kind."""

import re
from collections import Counter
from dataclasses import dataclass, field

from vqaudio.jobs.sources import Source

MAX_KINDS = 12


@dataclass
class Kinds:
    """Counts of messages about files by kind, without numbers and names; the first of each kind stands for it."""

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, source: Source, sentence: str) -> None:
        """Count one message.  Numbers and the file's own name do not make a kind."""
        kind = re.sub(r"\b\d+(\.\d+)?\b", "N", sentence.replace(source.path, "FILE").replace(source.id, "FILE"))
        self.counts[kind] += 1
        self.examples.setdefault(kind, f"{source.id}: {sentence}")

    def lines(self, title: str) -> list[str]:
        """Format the most common kinds, each with its example."""
        common = self.counts.most_common(MAX_KINDS)
        lines = [f"{title:9} {count:,} x such as {self.examples[kind]}" for kind, count in common]
        left = self.counts.total() - sum(count for _, count in common)
        return lines + ([f"{title:9} {left:,} x other"] if left else [])
