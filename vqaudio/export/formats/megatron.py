"""The Megatron-LM format: <split>.bin with all tokens, <split>.idx with their boundaries; a document is a sequence.

    .idx, little-endian:  "MMIDIDX" 0 0 · version 1 (u64) · type (u8) · s sequences (u64) · s + 1 (u64)
                          lengths (s x i32) · first bytes in .bin (s x i64) · first sequence of each document and the
                          end (s + 1 x i64)

Source: megatron/core/datasets/indexed_dataset.py of NVIDIA/Megatron-LM, whose `DType.optimal_dtype` chooses the type.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile

MAGIC = b"MMIDIDX\x00\x00"
FIRST_WIDE_VOCABULARY = 65_500
TYPES = {8: np.dtype("<u2"), 4: np.dtype("<i4")}
BLOCK = 1 << 16  # lengths that are held while an index is written


class MegatronWriter:
    """A writer that appends tokens to .bin and lengths to a file of its own, from which `close` makes .idx."""

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._code = 8 if plan.vocabulary.size < FIRST_WIDE_VOCABULARY else 4
        self._path = folder / f"{split}.idx"
        self._tokens = GrowingFile(folder / f"{split}.bin", state.get("num_bytes", 0))
        self._lengths = GrowingFile(_lengths_path(folder, split), state.get("num_length_bytes", 0))

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        self._tokens.write(sequence.tokens.astype(TYPES[self._code]).tobytes())
        self._lengths.write(struct.pack("<i", len(sequence.tokens)))

    def checkpoint(self) -> dict[str, Any]:
        """Flush both files and return their lengths."""
        return {"num_bytes": self._tokens.sync(), "num_length_bytes": self._lengths.sync()}

    def close(self) -> None:
        """Write .idx."""
        self._tokens.sync()
        self._lengths.sync()
        num_sequences = self._lengths.path.stat().st_size // 4
        item_bytes = TYPES[self._code].itemsize
        with open(self._path, "wb") as file:
            file.write(MAGIC + struct.pack("<QBQQ", 1, self._code, num_sequences, num_sequences + 1))
            for lengths in self._length_blocks():
                file.write(lengths.astype("<i4").tobytes())
            start = 0
            for lengths in self._length_blocks():
                ends = start + np.cumsum(lengths) * item_bytes
                file.write((ends - lengths * item_bytes).astype("<i8").tobytes())
                start = int(ends[-1])
            for first in range(0, num_sequences + 1, BLOCK):
                file.write(np.arange(first, min(first + BLOCK, num_sequences + 1), dtype="<i8").tobytes())

    def _length_blocks(self) -> Iterator[np.ndarray]:
        with open(self._lengths.path, "rb") as file:
            while block := file.read(4 * BLOCK):
                yield np.frombuffer(block, dtype="<i4").astype(np.int64)


def finish_megatron(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Remove the files of lengths: .idx has them."""
    for split in num_tokens:
        _lengths_path(folder, split).unlink(missing_ok=True)


def read_megatron(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read each sequence where .idx says it is.  Raises VqaudioError if .idx is no index of version 1."""
    path = folder / f"{split}.idx"
    with open(path, "rb") as index, open(folder / f"{split}.bin", "rb") as data:
        head = index.read(34)
        version, code, num_sequences, num_borders = struct.unpack("<QBQQ", head[9:34])
        if head[:9] != MAGIC or version != 1 or code not in TYPES or num_borders != num_sequences + 1:
            raise VqaudioError(f"{path} is no Megatron index of version 1 with one sequence in each document")
        for number in range(num_sequences):
            length = struct.unpack("<i", _at(index, 34 + 4 * number, 4))[0]
            start = struct.unpack("<q", _at(index, 34 + 4 * num_sequences + 8 * number, 8))[0]
            document = struct.unpack("<q", _at(index, 34 + 12 * num_sequences + 8 * number, 8))[0]
            content = _at(data, start, length * TYPES[code].itemsize)
            if document != number or len(content) != length * TYPES[code].itemsize:
                raise VqaudioError(f"{path}: sequence {number} does not lie where its index says")
            yield np.frombuffer(content, TYPES[code])


def _at(file: Any, start: int, num_bytes: int) -> bytes:
    file.seek(start)
    return file.read(num_bytes)


def _lengths_path(folder: Path, split: str) -> Path:
    return folder / f".{split}.lengths"
