"""Codes to bytes: one format for a `.codes` file and for a pipe.

    {"format": "vqaudio codes", "version": 1, "codec": {...}}     one line of JSON: the stamp of the codec
    num_frames uint32 | codes num_frames x k uint16 | crc uint32  a block of one or more frames, as soon as it is known
    ...
    0 uint32 | num_samples uint64 | crc uint32                    the end: how many samples were encoded

Numbers are little-endian, k is the stamp's num_codebooks, and a crc is zlib's CRC-32 of all the bytes before it but
those of other crcs: a block that is damaged, missing or of another stream shows.
"""

import json
import struct
import zlib

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp

SUFFIX = ".codes"
FORMAT, VERSION = "vqaudio codes", 1
MAGIC = f'{{"format": "{FORMAT}", '.encode()  # how every header begins
COUNT, LENGTH = struct.Struct("<I"), struct.Struct("<Q")
MAX_BLOCK_FRAMES = 65_536  # more would be a damaged count


class CodesWriter:
    """A writer of one stream: what it returns is to be sent in that order."""

    def __init__(self, stamp: CodecStamp) -> None:
        self.stamp, self.num_frames, self._crc = stamp, 0, 0

    def header(self) -> bytes:
        """Make the line that the stream begins with."""
        header = {"format": FORMAT, "version": VERSION, "codec": self.stamp.to_json()}
        line = json.dumps(header).encode() + b"\n"
        self._crc = zlib.crc32(line)
        return line

    def blocks(self, codes: np.ndarray) -> bytes:
        """Make the bytes of more codes `k t`, none of no frame.  Raises VqaudioError for codes of another stamp."""
        num_codebooks, size = self.stamp.num_codebooks, self.stamp.codebook_size
        is_known = not codes.size or 0 <= codes.min() <= codes.max() < size
        if codes.ndim != 2 or codes.shape[0] != num_codebooks or not is_known:
            wanted = f"wanted {num_codebooks} codebooks of codes below {size}"
            raise VqaudioError(f"got codes of shape {codes.shape}, {wanted}")
        self.num_frames += codes.shape[1]
        rows = codes.T.astype("<u2")
        parts = [rows[at : at + MAX_BLOCK_FRAMES] for at in range(0, len(rows), MAX_BLOCK_FRAMES)]
        return b"".join(self._checked(COUNT.pack(len(part)) + part.tobytes()) for part in parts)

    def end(self, num_samples: int) -> bytes:
        """Make the bytes of the end.  Raises VqaudioError for samples that the frames do not cover."""
        if self.stamp.grid.num_frames(num_samples) != self.num_frames:
            raise VqaudioError(f"{self.num_frames} frames of codes do not belong to {num_samples} samples")
        return self._checked(COUNT.pack(0) + LENGTH.pack(num_samples))

    def _checked(self, content: bytes) -> bytes:
        """Append the CRC-32 of all that was written, without those before: over them it would start again."""
        self._crc = zlib.crc32(content, self._crc)
        return content + COUNT.pack(self._crc)
