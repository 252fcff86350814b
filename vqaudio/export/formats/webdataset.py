"""The WebDataset format: <split>-000000.tar, ... (github.com/webdataset).

Each sample is a `codes.npy` and a `json` of one key.
codes.npy: tokens, one axis; of a grid `k s`.
"""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.export.formats.interface import Plan, TokenSequence
from vqaudio.export.growing import GrowingFile

MAX_SHARD_BYTES = 256 << 20
END_OF_TAR = bytes(1024)
_MEMBER = re.compile(r"(\d{9})\.codes\.npy")


class WebDatasetWriter:
    """A writer of samples; a new archive begins when one is full.

    The key is the number, the id stands in the json.
    """

    def __init__(self, folder: Path, split: str, plan: Plan, state: dict[str, Any]) -> None:
        self._folder, self._split, self._plan = folder, split, plan
        self._dtype = np.dtype("<u2" if plan.vocabulary.size <= 65_536 else "<i4")
        self._shard, self._num_bytes = state.get("shard", 0), state.get("num_bytes", 0)
        for path in _archives(folder, split)[self._shard + 1 :]:
            path.unlink()
        self._file = GrowingFile(self._path(), self._num_bytes)

    def write(self, sequence: TokenSequence) -> None:
        """Append a sequence."""
        if self._num_bytes >= MAX_SHARD_BYTES:
            self.close()
            self._shard, self._num_bytes = self._shard + 1, 0
            self._file = GrowingFile(self._path())
        array = io.BytesIO()
        np.save(array, self._plan.shaped(sequence.tokens).astype(self._dtype), allow_pickle=False)
        description = json.dumps(sequence.description(), ensure_ascii=False).encode()
        for suffix, content in (("codes.npy", array.getvalue()), ("json", description)):
            self._add(f"{sequence.number:09d}.{suffix}", content)

    def checkpoint(self) -> dict[str, Any]:
        """Flush the open archive and return its number, and its length without the end mark."""
        return {"shard": self._shard, "num_bytes": self._file.sync()}

    def close(self) -> None:
        """End the archive."""
        self._file.write(END_OF_TAR)
        self._file.sync()

    def _add(self, name: str, content: bytes) -> None:
        head = tarfile.TarInfo(name)
        head.size = len(content)
        block = head.tobuf(tarfile.USTAR_FORMAT) + content + bytes(-len(content) % tarfile.BLOCKSIZE)
        self._file.write(block)
        self._num_bytes += len(block)

    def _path(self) -> Path:
        return self._folder / f"{self._split}-{self._shard:06d}.tar"


def read_webdataset(folder: Path, split: str, plan: Plan) -> Iterator[np.ndarray]:
    """Read the arrays, through tarfile.  Raises VqaudioError if an archive is damaged or a number is missing."""
    expected = 0
    for path in _archives(folder, split):
        try:
            with tarfile.open(path, "r:") as archive:
                for member in archive:
                    match = _MEMBER.fullmatch(member.name)
                    content = archive.extractfile(member)
                    if not match or content is None:
                        continue
                    if int(match[1]) != expected:
                        raise VqaudioError(f"{path}: sample {match[1]} stands where {expected:09d} should")
                    expected += 1
                    yield plan.flat(np.load(io.BytesIO(content.read()), allow_pickle=False))
        except (tarfile.TarError, OSError, ValueError) as error:
            raise VqaudioError(f"{path} cannot be read as an archive of arrays: {error}") from None


def finish_webdataset(folder: Path, plan: Plan, num_tokens: dict[str, int]) -> None:
    """Do nothing: the archives stand alone."""


def _archives(folder: Path, split: str) -> list[Path]:
    return sorted(folder.glob(f"{split}-[0-9]*.tar"))
