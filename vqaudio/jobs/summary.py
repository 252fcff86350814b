"""Failures and warnings of a run, counted by what they have in common."""

import re
from collections import Counter
from dataclasses import dataclass, field

from vqaudio.jobs.sources import Source

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
