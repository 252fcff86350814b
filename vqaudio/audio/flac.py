"""The last frame of a FLAC file (RFC 9639), which says how many samples there are, whatever the header promises."""

import re
from collections.abc import Iterator
from os import PathLike
from typing import NamedTuple

SYNC = re.compile(rb"\xff[\xf8\xf9]")  # 14 bits, a reserved one, and whether blocks vary in length
HEADER_BYTES = 42  # capture, and STREAMINFO with its own header
MAX_FRAME_HEADER_BYTES = 16
MIN_TAIL_BYTES, MAX_TAIL_BYTES = 1 << 16, 1 << 20  # tags of other programs may follow the last frame
FRAMES_IN_TAIL = 4
NUM_BLOCK_BYTES = {6: 1, 7: 2}  # by the four bits of the block's length: it stands after the number
NUM_RATE_BYTES = {12: 1, 13: 2, 14: 2}


class StreamInfo(NamedTuple):
    """The header of a FLAC file.  max_block: samples in a frame; max_frame_bytes: 0 if unknown."""

    max_block: int
    max_frame_bytes: int
    num_channels: int
    num_bits: int


class Frame(NamedTuple):
    """The samples of a frame, per channel, from `start` to `end`."""

    start: int
    end: int


def samples_held(path: str | PathLike[str]) -> int | None:
    """Count the samples per channel of a FLAC file by its last frame; None if there is none, or for another format.

    Only the end of the file is read.  What looks like a frame counts if another one ends where it starts.
    """
    with open(path, "rb") as file:
        info = _stream_info(file.read(HEADER_BYTES))
        if info is None:
            return None
        largest = info.max_frame_bytes or info.max_block * info.num_channels * (info.num_bits + 7) // 8
        file.seek(max(HEADER_BYTES, file.seek(0, 2) - min(MIN_TAIL_BYTES + FRAMES_IN_TAIL * largest, MAX_TAIL_BYTES)))
        ends, held = {0}, None
        for frame in _frames(file.read(), info):
            if frame.start in ends:
                held = max(held or 0, frame.end)
            ends.add(frame.end)
    return held


def _stream_info(header: bytes) -> StreamInfo | None:
    """Read the first block of metadata (RFC 9639, section 8.2)."""
    if len(header) < HEADER_BYTES or header[:5] not in (b"fLaC\0", b"fLaC\x80"):
        return None
    bits = int.from_bytes(header[18:26], "big")  # rate 20, channels 3, bits of a sample 5, samples 36
    return StreamInfo(
        max_block=int.from_bytes(header[10:12], "big"),
        max_frame_bytes=int.from_bytes(header[15:18], "big"),
        num_channels=(bits >> 41 & 7) + 1,
        num_bits=(bits >> 36 & 31) + 1,
    )


def _frames(tail: bytes, info: StreamInfo) -> Iterator[Frame]:
    """Find what looks like the header of a frame (RFC 9639, section 9.1) and has a checksum that holds."""
    for match in SYNC.finditer(tail):
        header = tail[match.start() : match.start() + MAX_FRAME_HEADER_BYTES].ljust(MAX_FRAME_HEADER_BYTES, b"\0")
        block_code, rate_code = header[2] >> 4, header[2] & 15
        number, place = _coded_number(header)
        num_block_bytes, num_rate_bytes = NUM_BLOCK_BYTES.get(block_code, 0), NUM_RATE_BYTES.get(rate_code, 0)
        checksum = place + num_block_bytes + num_rate_bytes
        is_valid = number is not None and block_code and rate_code != 15 and not header[3] & 1
        if not is_valid or header[checksum] != _checksum(header[:checksum]):
            continue
        if num_block_bytes:
            length = int.from_bytes(header[place : place + num_block_bytes], "big") + 1
        else:
            length = 192 if block_code == 1 else 576 << block_code - 2 if block_code < 6 else 256 << block_code - 8
        assert number is not None
        start = number if header[1] & 1 else number * info.max_block
        yield Frame(start, start + length)


def _coded_number(header: bytes) -> tuple[int | None, int]:
    """Read the number of a frame or sample, coded as UTF-8 codes characters but up to 36 bits, and where it ends."""
    first = header[4]
    num_bytes = 8 - (~first & 0xFF).bit_length()  # ones before the first zero
    if num_bytes in (1, 8):
        return None, 5
    number = first & (0x7F >> num_bytes)
    for byte in header[5 : 4 + num_bytes]:
        if byte >> 6 != 2:
            return None, 5
        number = number << 6 | byte & 0x3F
    return number, 4 + max(1, num_bytes)


def _checksum(header: bytes) -> int:
    """Compute the CRC-8 of a frame's header: x^8 + x^2 + x + 1, from 0."""
    value = 0
    for byte in header:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x107) if value & 0x80 else value << 1
    return value
