"""The writer of one split of an export: documents into sequences, sequences into the format, and the index beside."""

from pathlib import Path
from typing import Any

from vqaudio.export.documents import Document
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.formats.table import format_of
from vqaudio.export.index import IndexWriter
from vqaudio.export.packing import Packer

COUNTS = ("documents", "sequences", "tokens", "seconds")


class SplitWriter:
    """The writer of one split of an export.

    state: what `checkpoint` returned before an interruption, {} at the start.
    """

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._split, self._is_packed = split, plan.is_packed
        self.counts: dict[str, Any] = dict(state.get("counts") or dict.fromkeys(COUNTS, 0))
        pad = plan.vocabulary.special("<|pad|>")
        self._packer = Packer(plan.options.context_tokens, pad, state.get("rest", ()))
        self._index = IndexWriter(
            folder, split, num_files=state.get("num_index_files", 0), num_tokens=self.counts["tokens"]
        )
        open_writer = format_of(plan.options.format, plan.options.style).open_writer
        self._writer = open_writer(folder, split, plan, state.get("writer", {}))

    def write(self, document: Document) -> None:
        """Append a document."""
        self._index.write(document)
        for tokens in self._packer.push(document.tokens):
            self._write_sequence(tokens, None if self._is_packed else document)
        self.counts["documents"] += 1
        self.counts["tokens"] += len(document.tokens)
        self.counts["seconds"] += document.row.seconds

    def checkpoint(self) -> dict[str, Any]:
        """Flush everything to the disk and return what is needed to resume from here, as JSON values."""
        return {
            "counts": self.counts,
            "rest": self._packer.rest.tolist(),
            "num_index_files": self._index.sync(),
            "writer": self._writer.checkpoint(),
        }

    def close(self) -> None:
        """Write the last sequence and finish the files."""
        for tokens in self._packer.finish():
            self._write_sequence(tokens, None)
        self._index.sync()
        self._writer.close()

    def _write_sequence(self, tokens: Any, document: Document | None) -> None:
        self._writer.write(TokenSequence(self._split, self.counts["sequences"], tokens, document))
        self.counts["sequences"] += 1
