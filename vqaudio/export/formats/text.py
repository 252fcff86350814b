"""The formats of lines of unit numbers: for textless-lib and GSLM, for fairseq's HuBERT, for Kaldi.

    gslm      <split>.txt                        name|17 17 3
    fairseq   <split>.tsv, .km, dict.km.txt      the recordings' root, then path, tab, samples · 17 17 3 · unit 1
    kaldi     <split>/text, <split>/utt2spk      name 17 17 3 · name speaker   both in the order of LC_ALL=C sort

In names, white space, `|` and `%` are written as %20, %7C, %25; `urllib.parse.unquote` gives the id.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile
from vqaudio.export.index import read_index
from vqaudio.export.sorting import SortedLines, sort_lines

STYLES = ("gslm", "fairseq", "kaldi")
_UNSAFE = re.compile(r"[\s|%\x00-\x1f]")


class TextWriter:
    """A writer of one line for each sequence, in one file or two."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._style = plan.options.style
        sizes = state.get("num_bytes", {})
        names = _file_names(self._style, split)
        self._files = {name: GrowingFile(folder / name, sizes.get(name, 0)) for name in names}
        self._lines, *others = self._files.values()
        self._others = others[0] if others else None
        if self._style == "fairseq" and self._others and not sizes:
            self._others.write(b".\n")

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        name, units = safe_name(sequence.name), " ".join(map(str, sequence.tokens.tolist()))
        row = sequence.document.row if sequence.document else None
        if self._style == "gslm":
            self._lines.write(f"{name}|{units}\n".encode())
        elif self._style == "kaldi":
            self._lines.write(f"{name} {units}".rstrip().encode() + b"\n")
            speaker = safe_name(row.speaker) if row and row.speaker else name
            self._other(f"{name} {speaker}\n")
        else:
            self._lines.write(f"{units}\n".encode())
            self._other(f"{name}\t{row.num_samples if row else len(sequence.tokens)}\n")

    def checkpoint(self) -> dict[str, Any]:
        """Flush the files and return their lengths."""
        return {"num_bytes": {name: file.sync() for name, file in self._files.items()}}

    def close(self) -> None:
        """Flush the files."""
        for file in self._files.values():
            file.sync()

    def _other(self, line: str) -> None:
        assert self._others is not None
        self._others.write(line.encode())


def read_text(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read the units of each line, in the order of the store.  Raises VqaudioError for a line of another style."""
    style = plan.options.style
    path = folder / _file_names(style, split)[0]
    if style == "kaldi" and not plan.is_packed:
        yield from _found_by_name(folder, split, path)
        return
    mark = {"gslm": "|", "kaldi": " ", "fairseq": ""}[style]
    with open(path, encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            units = line.rstrip("\n").partition(mark)[2] if mark else line
            yield _units(units, f"{path}, line {number}")


def _found_by_name(folder: Path, split: str, path: Path) -> Iterator[np.ndarray]:
    """Look up the lines of the documents in a sorted file; nothing may be left over."""
    lines, num_bytes = SortedLines(path), 0
    for entry in read_index(folder, split):
        line = lines.find(safe_name(entry.id))
        num_bytes += len(line) + 1
        yield _units(line.decode().partition(" ")[2], f"{path}, {entry.id}")
    if num_bytes != lines.num_bytes:
        raise VqaudioError(
            f"{path} has lines of other names, {lines.num_bytes - num_bytes} bytes of them; export again"
        )


def _units(text: str, where: str) -> np.ndarray:
    try:
        return np.array([int(unit) for unit in text.split()], dtype=np.int64)
    except ValueError as error:
        raise VqaudioError(f"{where}: {error}") from None


def finish_text(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Write fairseq's dictionary; sort Kaldi's lines."""
    if plan.options.style == "fairseq":
        lines = "".join(f"{number} 1\n" for number in range(plan.vocabulary.size))
        (folder / "dict.km.txt").write_text(lines, encoding="utf-8")
    if plan.options.style == "kaldi":
        for split in num_tokens:
            for name in _file_names("kaldi", split):
                sort_lines(folder / name)


def safe_name(name: str) -> str:
    """Quote in a name what separates names from units.  `unquote` is the inverse.

    >>> safe_name("my dir/a|b.wav")
    'my%20dir/a%7Cb.wav'
    """
    return _UNSAFE.sub(lambda match: quote(match[0], safe=""), name)


def _file_names(style: str, split: str) -> list[str]:
    if style == "fairseq":
        split = {"validation": "valid"}.get(split, split)
        return [f"{split}.km", f"{split}.tsv"]
    return [f"{split}/text", f"{split}/utt2spk"] if style == "kaldi" else [f"{split}.txt"]
