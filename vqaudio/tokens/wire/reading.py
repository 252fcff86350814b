"""Bytes to codes, however the bytes are cut: the inverse of `vqaudio.tokens.wire.writing`."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json, require_format
from vqaudio.tokens.schema import CodecStamp
from vqaudio.tokens.wire.writing import COUNT, LENGTH, MAGIC, MAX_BLOCK_FRAMES, VERSION

MAX_HEADER_BYTES = 65_536


class CodesReader:
    """A reader of one stream that arrives in pieces.

    name: of the stream, for errors.  stamp: None before the header is there; num_samples: None before the end.
    num_frames: that came.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.stamp: CodecStamp | None = None
        self.num_samples: int | None = None
        self.num_frames = 0
        self._waiting, self._crc = bytearray(), 0

    def feed(self, content: bytes) -> Iterator[np.ndarray]:
        """Take more bytes.  Yields the codes `k t` uint16 of each block that is whole, and `k 0` after the header.

        Raises VqaudioError, after all blocks that are sound, for a stream of another kind, damage, and for what stands
        behind the end.
        """
        self._waiting += content
        if self.stamp is None:
            self.stamp = self._header()
            if self.stamp is None:
                return
            yield np.zeros((self.stamp.num_codebooks, 0), dtype=np.uint16)
        while (codes := self._block(self.stamp)) is not None:
            yield codes
        if self.num_samples is not None and self._waiting:
            raise VqaudioError(f"{self.name}: more bytes stand behind the end of the codes; the file is damaged")

    def finish(self) -> int:
        """Say that no more bytes come.  Returns the number of samples.

        Raises VqaudioError if the end was not among the bytes.
        """
        if self.stamp is None:
            raise VqaudioError(f"{self.name}: {self._no_codes()}")
        if self.num_samples is None:
            seconds = self.num_frames / self.stamp.frame_rate_hz
            raise VqaudioError(
                f"{self.name}: truncated after {self.num_frames} frames ({seconds:.2f} s) without its end mark: "
                "the sender was stopped, or the file is not whole"
            )
        return self.num_samples

    def _no_codes(self) -> str:
        kind = "it is empty" if not self._waiting else "these are no codes of vqaudio, or not their beginning"
        return f"{kind}; wanted what `vqaudio encode` or `vqaudio stream encode` writes"

    def _header(self) -> CodecStamp | None:
        """Parse the header, None before it is whole."""
        if not self._waiting.startswith(MAGIC[: len(self._waiting)]):
            raise VqaudioError(f"{self.name}: {self._no_codes()}")
        length = self._waiting.find(b"\n", 0, MAX_HEADER_BYTES) + 1
        if not length:
            if len(self._waiting) >= MAX_HEADER_BYTES:
                raise VqaudioError(f"{self.name}: {self._no_codes()}")
            return None
        line = self._take(length)
        try:
            header = parse_json(line)
            require_format(header["version"], VERSION, Path(self.name))
            stamp = CodecStamp.from_json(header["codec"])
        except (ValueError, KeyError, TypeError) as error:
            raise VqaudioError(f"{self.name}: its first line is damaged: {error}") from None
        self._crc = zlib.crc32(line)
        return stamp

    def _block(self, stamp: CodecStamp) -> np.ndarray | None:
        """Parse one block, None where there is no whole one, or the end."""
        if len(self._waiting) < COUNT.size or self.num_samples is not None:
            return None
        (num_frames,) = COUNT.unpack_from(self._waiting)
        if num_frames > MAX_BLOCK_FRAMES:
            raise self._damage()
        size = 2 * stamp.num_codebooks * num_frames if num_frames else LENGTH.size
        if len(self._waiting) < COUNT.size + size + COUNT.size:
            return None
        content = self._take(COUNT.size + size)
        self._crc = zlib.crc32(content, self._crc)
        if COUNT.pack(self._crc) != self._take(COUNT.size):
            raise self._damage()
        if not num_frames:
            (num_samples,) = LENGTH.unpack_from(content, COUNT.size)
            if stamp.grid.num_frames(num_samples) != self.num_frames:
                raise self._damage()
            self.num_samples = num_samples
            return None
        codes = np.frombuffer(content, dtype="<u2", offset=COUNT.size).reshape(num_frames, -1).T
        if int(codes.max()) >= stamp.codebook_size:
            raise self._damage()
        self.num_frames += num_frames
        return codes.astype(np.uint16)

    def _take(self, num_bytes: int) -> bytes:
        content = bytes(self._waiting[:num_bytes])
        del self._waiting[:num_bytes]
        return content

    def _damage(self) -> VqaudioError:
        return VqaudioError(f"{self.name}: damaged after {self.num_frames} frames; send or copy it again")
