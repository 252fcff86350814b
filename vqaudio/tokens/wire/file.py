"""A `.codes` file: the codes of one recording, whole."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vqaudio.core.durable import make_folder, replace_durably
from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.wire.reading import CodesReader
from vqaudio.tokens.wire.writing import MAGIC, CodesWriter

READ_BYTES = 1 << 20


@dataclass(frozen=True, eq=False)
class CodesFile:
    """The content of a `.codes` file.

    codes: `k t` uint16 · num_samples: at the codec's rate.
    """

    stamp: CodecStamp
    codes: np.ndarray
    num_samples: int


def is_codes_file(path: Path) -> bool:
    """Return whether a file begins as `.codes` files do, whatever its name."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def write_codes(path: Path, content: CodesFile) -> None:
    """Write a `.codes` file durably.  Raises VqaudioError if it cannot be written."""
    writer = CodesWriter(content.stamp)
    parts = [writer.header(), writer.blocks(content.codes), writer.end(content.num_samples)]
    make_folder(path.parent)
    replace_durably(path, lambda temporary: temporary.write_bytes(b"".join(parts)))


def read_codes(path: Path) -> CodesFile:
    """Read a `.codes` file.  Raises VqaudioError if it is not one, or damaged, or not whole."""
    reader, parts = CodesReader(str(path)), list[np.ndarray]()
    try:
        with open(path, "rb") as file:
            while content := file.read(READ_BYTES):
                parts.extend(reader.feed(content))
    except OSError as error:
        raise VqaudioError(f"{path} cannot be read: {error.strerror or error}") from None
    num_samples = reader.finish()
    assert reader.stamp is not None, "a stream that has an end has a stamp"
    return CodesFile(reader.stamp, np.concatenate(parts, axis=1), num_samples)
