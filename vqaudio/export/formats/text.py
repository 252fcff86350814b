"""The formats of lines of unit numbers: for textless-lib and GSLM, for fairseq's HuBERT, for Kaldi.

    gslm      <split>.txt               stem|17 17 3                  the synthesizer of GSLM writes stem.wav
    fairseq   <split>.tsv, .km,         the recordings' root, then path, tab, samples · 17 17 3 · unit 1
              dict.km.txt
    kaldi     <split>/text, utt2spk,    speaker!name 17 17 3 · speaker!name speaker · speaker and its names ·
              spk2utt, wav.scp          name and path, with a root; all in the order of LC_ALL=C sort

In names, white space, `|`, `!` and `%` are written as %20, %7C, %21, %25, and in stems `/` as %2F, which
`urllib.parse.unquote` undoes.  fairseq opens its paths, which stand there as they are.
"""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from vqaudio.audio.folders import FOREIGN_SUFFIXES, READABLE_SUFFIXES, suffix_of
from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats import kaldi
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile
from vqaudio.export.index import read_index
from vqaudio.export.sorting import SortedLines, sort_lines

STYLES = ("gslm", "fairseq", "kaldi")
_UNSAFE = re.compile(r"[\s|%!\x00-\x1f]")
_LINE = re.compile(r"[\t\r\n]")


class TextWriter:
    """A writer of one line for each sequence, in one file or two."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._style = plan.options.style
        sizes = state.get("num_bytes", {})
        self._root = Path(os.path.abspath(plan.options.root)) if plan.options.root or self._style == "fairseq" else None
        names = _file_names(self._style, split)
        if self._style == "kaldi" and self._root and not plan.is_packed:
            names.append(f"{split}/{kaldi.WAV_SCP}")
        self._files = {name: GrowingFile(folder / name, sizes.get(name, 0)) for name in names}
        self._lines, *self._others = self._files.values()
        if self._style == "fairseq" and not sizes:
            self._others[0].write(f"{self._root}\n".encode())

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        units = " ".join(map(str, sequence.tokens.tolist()))
        row = sequence.document.row if sequence.document else None
        if self._style == "gslm":
            self._lines.write(f"{stem_of(sequence.name) if row else sequence.name}|{units}\n".encode())
        elif self._style == "kaldi":
            name = kaldi_name(sequence.name, row.speaker if row else None)
            self._lines.write(f"{name} {units}".rstrip().encode() + b"\n")
            speaker = safe_name(row.speaker) if row and row.speaker else name
            self._others[0].write(f"{name} {speaker}\n".encode())
            if len(self._others) > 1 and row and self._root:
                self._others[1].write(f"{name} {kaldi.audio_command(self._root, row.id)}\n".encode())
        else:
            self._lines.write(f"{units}\n".encode())
            path = _LINE.sub(lambda match: quote(match[0]), sequence.name)
            self._others[0].write(f"{path}\t{row.num_samples if row else len(sequence.tokens)}\n".encode())

    def checkpoint(self) -> dict[str, Any]:
        """Flush the files and return their lengths."""
        return {"num_bytes": {name: file.sync() for name, file in self._files.items()}}

    def close(self) -> None:
        """Flush the files."""
        for file in self._files.values():
            file.sync()


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
        line = lines.find(kaldi_name(entry.id, entry.speaker))
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
            for path in sorted((folder / split).iterdir()):
                sort_lines(path)
            kaldi.write_spk2utt(folder / split)


def require_distinct_stems(ids: Sequence[str]) -> None:
    """Check that no two recordings have one stem.  Raises VqaudioError that names two."""
    found: dict[str, str] = {}
    for row_id in ids:
        other = found.setdefault(stem_of(row_id), row_id)
        if other != row_id:
            raise VqaudioError(
                f"{other} and {row_id} would both be {stem_of(row_id)} in a file of GSLM, which knows no "
                "suffixes; rename one and tokenize again, or take --format fairseq or kaldi"
            )


def stem_of(row_id: str) -> str:
    """Name a recording without its suffix, as a file in one folder.

    >>> stem_of("a dir/x.1.wav")
    'a%20dir%2Fx.1'
    """
    suffix = suffix_of(row_id)
    is_audio = suffix in READABLE_SUFFIXES + FOREIGN_SUFFIXES
    return safe_name(row_id[: -len(suffix)] if is_audio else row_id).replace("/", "%2F")


def kaldi_name(row_id: str, speaker: str | None) -> str:
    """Name an utterance of Kaldi's."""
    return kaldi.utterance_name(safe_name(row_id), safe_name(speaker) if speaker else None)


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
    return [f"{split}/{kaldi.TEXT}", f"{split}/{kaldi.UTT2SPK}"] if style == "kaldi" else [f"{split}.txt"]
