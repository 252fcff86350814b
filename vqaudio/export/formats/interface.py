"""The interface of a format: a writer for each split, and a reader that knows nothing of the writer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vqaudio.export.documents import Document
from vqaudio.export.options import ExportOptions
from vqaudio.tokens.vocabulary import Vocabulary


@dataclass(frozen=True, eq=False)
class TokenSequence:
    """One sequence that a format writes: a document, or where documents are joined, a segment of context length.

    number: its index in its split.  tokens: 1-D int64.  document: None where documents are joined.
    """

    split: str
    number: int
    tokens: np.ndarray
    document: Document | None = None

    @property
    def name(self) -> str:
        """The document's id, or the split and the number."""
        return self.document.row.id if self.document else f"{self.split}-{self.number:09d}"

    def description(self) -> dict[str, Any]:
        """Return what is known beside the tokens, as JSON values; the pitch is that of frames, merged or not."""
        if self.document is None:
            return {"id": self.name}
        row, durations = self.document.row, self.document.durations
        known = {"id": row.id, "speaker": row.speaker, "text": row.text, "seconds": row.seconds}
        known["durations"] = None if durations is None else durations.tolist()
        if row.pitch is not None:
            known |= {"pitch": row.pitch.tolist(), "pitch_median_hz": row.pitch_median_hz}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True)
class Plan:
    """The options and the vocabulary of an export, which writers and readers go by.

    has_pitch: whether the rows that are written have pitch beside their codes.
    """

    options: ExportOptions
    vocabulary: Vocabulary
    has_pitch: bool = False

    @property
    def is_packed(self) -> bool:
        """Whether sequences are segments of context length."""
        return self.options.context_tokens > 0

    def shaped(self, tokens: np.ndarray) -> np.ndarray:
        """Shape tokens, 1-D, as they are written: a grid as `k s`, others as they are."""
        return tokens.reshape(-1, self.options.num_codebooks).T if self.options.is_grid else tokens

    def flat(self, written: np.ndarray) -> np.ndarray:
        """Flatten tokens, the inverse of `shaped`.

        Raises ValueError for an array that is no such grid, or no list of tokens.
        """
        wanted = (self.options.num_codebooks,) if self.options.is_grid else ()
        if written.ndim != 1 + len(wanted) or written.shape[: len(wanted)] != wanted:
            raise ValueError(f"an array of shape {written.shape}, wanted {'k s' if wanted else 'one axis'}")
        return written.T.ravel()


class Writer(Protocol):
    """The writer of one split of an export, made by `Format.open_writer(folder, split, plan, state)`.

    state: what `checkpoint` returned before an interruption, {} at the start.
    """

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        ...

    def checkpoint(self) -> dict[str, Any]:
        """Flush everything to the disk and return what is needed to resume from here, as JSON values."""
        ...

    def close(self) -> None:
        """Finish the files; called once, after the last sequence."""
        ...


class Reader(Protocol):
    """The reader of one split: the tokens of each sequence, 1-D integers, in order."""

    def __call__(self, folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
        """Read the sequences.  Raises VqaudioError for what the format forbids."""
        ...


@dataclass(frozen=True)
class Format:
    """A format of exports: its writer, its reader, and what it can hold.

    styles: the first is the default.  finish(folder, plan, num_tokens of each split): writes what stands once.
    has_borders: whether the reader knows where a sequence ends.  max_vocabulary: 0 for no limit.
    grid_styles: those that hold grids.  name_styles: those that write tokens by name.
    stem_styles: those that name a recording without its suffix.
    """

    open_writer: Callable[[Path, str, Plan, dict[str, Any]], Writer]
    read: Reader
    finish: Callable[[Path, Plan, dict[str, int]], None]
    help: str
    styles: tuple[str, ...] = ("",)
    has_borders: bool = True
    has_eos: bool = False
    max_vocabulary: int = 0
    grid_styles: tuple[str, ...] = ()
    name_styles: tuple[str, ...] = ()
    stem_styles: tuple[str, ...] = ()
