"""Pages of an Ogg file (RFC 3533): which are missing, and how long its Vorbis and Opus streams are.

libsndfile leaves a damaged page out and says nothing.  What is missing shows in the numbers of the pages that are
there, and in the granule position of the last one, which is the stream's length in samples.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from typing import IO, NamedTuple

CAPTURE = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")  # capture, version, flags, granule, serial, number, checksum, segments
CHECKSUM = slice(22, 26)
MAX_PAGE_BYTES = HEADER.size + 255 + 255 * 255
WINDOW_BYTES = 1 << 20  # read at a time
MAX_STREAMS = 1_000  # more in one file are noise
MAX_REFUSED = 10_000  # damaged pages, after which the rest is given up: a hostile file holds one at every few bytes
MAX_LOST_S = 0.1  # a decoder may leave out a block at either end
IS_FIRST, IS_LAST = 2, 4  # flags
OPUS_RATE_HZ = 48_000  # of granule positions, whatever the sound's own rate (RFC 7845, section 4)
# Samples at 48 kHz of an Opus frame, by the upper five bits of a packet's first byte (RFC 6716, table 2).
OPUS_FRAMES = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4
_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class Page(NamedTuple):
    """A whole page.  granule: samples up to its end, or -1; number: counted from 0 in each stream.

    segments: the lengths of the pieces of its packets, of which one below 255 ends a packet; body: their bytes.
    """

    flags: int
    granule: int
    serial: int
    number: int
    segments: bytes
    body: bytes

    @property
    def num_bytes(self) -> int:
        """Bytes of the page, header included."""
        return HEADER.size + len(self.segments) + len(self.body)

    def packets(self) -> Iterator[bytes]:
        """Split the body into the packets that end on this page."""
        start = end = 0
        for length in self.segments:
            end += length
            if length < 255:
                yield self.body[start:end]
                start = end


class SoundHeader(NamedTuple):
    """The first packet of a stream of sound.

    rate_hz: of granule positions.  early_samples: decoded before the sound begins.  blocks: lengths, of Vorbis only.
    """

    rate_hz: int
    early_samples: int = 0
    blocks: tuple[int, int] | None = None


@dataclass
class OggStream:
    """The state of one logical stream of an Ogg file while its pages pass.

    header: None where it is no sound that is known.  first_granule: of its first sample.
    """

    header: SoundHeader | None
    num_pages: int = 0
    num_missing: int = 0
    first_granule: int | None = None
    last_granule: int = 0
    has_end: bool = False

    def add(self, page: Page) -> None:
        """Count one page; those between the last number and its own are missing."""
        number = self.num_pages + self.num_missing
        if page.number < number:  # once more, or a count that wraps round
            return
        self.num_missing += page.number - number
        self.num_pages += 1
        self.has_end = bool(page.flags & IS_LAST)
        if page.granule > 0 and self.header:
            if self.first_granule is None:
                self.first_granule = 0 if self.num_missing else _first_granule(self.header, page)
            self.last_granule = max(self.last_granule, page.granule)

    @property
    def length_s(self) -> float:
        """Seconds of sound, with those on pages that are missing; 0 for a stream that is no sound."""
        if not self.header or self.first_granule is None:
            return 0.0
        return max(0, self.last_granule - self.first_granule - self.header.early_samples) / self.header.rate_hz


def ogg_warnings(path: str | PathLike[str], read_s: float) -> list[str]:
    """Write a sentence if pages or sound of an Ogg file are missing, another if it has no end; none for other formats.

    read_s: seconds that could be read of it.
    """
    streams = read_streams(path)
    num_missing, length_s = sum(stream.num_missing for stream in streams), sum(stream.length_s for stream in streams)
    warnings = []
    share = f"{read_s:.2f} s of {max(length_s, read_s):.2f} s could be read"
    if num_missing:
        warnings.append(f"damaged: {share}; {num_missing} pages missing")
    elif read_s < length_s - MAX_LOST_S:
        cause = f"; libsndfile reads the first of {len(streams)} chained streams" if len(streams) > 1 else ""
        warnings.append(f"incomplete: {share}{cause}")
    if any(stream.header and not stream.has_end for stream in streams):
        warnings.append("truncated: the Ogg stream has no end mark")
    return warnings


def read_streams(path: str | PathLike[str]) -> list[OggStream]:
    """Read the logical streams of an Ogg file, side by side or chained; none of a file of another format.

    Memory does not grow with the file's length, and time in proportion to it.
    """
    streams, open_streams = list[OggStream](), dict[int, OggStream]()
    with open(path, "rb") as file:
        for page in _pages(file):
            if page.flags & IS_FIRST or page.serial not in open_streams:
                if len(streams) == MAX_STREAMS:
                    break
                open_streams[page.serial] = OggStream(_sound_header(page.body) if page.flags & IS_FIRST else None)
                streams.append(open_streams[page.serial])
            open_streams[page.serial].add(page)
    return streams


def _pages(file: IO[bytes]) -> Iterator[Page]:
    """Read the pages whose checksums hold, past whatever stands between them; none if the file does not begin so."""
    num_refused, window = 0, file.read(len(CAPTURE))
    is_ended = window != CAPTURE
    while not is_ended:
        block = file.read(WINDOW_BYTES)
        is_ended, window, place = not block, window + block, 0
        # A page that begins later may go on in the next block.
        end = len(window) if is_ended else len(window) - MAX_PAGE_BYTES
        while 0 <= (start := window.find(CAPTURE, place)) < end:
            page = _page_at(window, start)
            place = start + (page.num_bytes if page else 1)
            if page:
                yield page
            elif (num_refused := num_refused + 1) > MAX_REFUSED:
                return
        window = window[start if start >= 0 else max(place, len(window) - len(CAPTURE) + 1) :]


def _page_at(window: bytes, start: int) -> Page | None:
    """Read the page that begins at `start`, None if it is damaged or goes beyond the window."""
    if start + HEADER.size > len(window):
        return None
    _, version, flags, granule, serial, number, checksum, num_segments = HEADER.unpack_from(window, start)
    segments = window[start + HEADER.size : start + HEADER.size + num_segments]
    body = start + HEADER.size + num_segments
    page = window[start : body + sum(segments)]
    is_cut = len(segments) < num_segments or len(page) < body - start + sum(segments)
    if version or is_cut or checksum != _checksum(page[: CHECKSUM.start] + bytes(4) + page[CHECKSUM.stop :]):
        return None
    return Page(flags, granule, serial, number, segments, page[body - start :])


def _checksum(page: bytes) -> int:
    """Compute the CRC-32 of Ogg: zlib's polynomial, but the highest bit first, from 0 and without a last inversion."""
    mirrored = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


def _sound_header(packet: bytes) -> SoundHeader | None:
    """Read the first packet of a Vorbis or Opus stream, None of any other."""
    if packet.startswith(b"OpusHead") and len(packet) >= 19:
        return SoundHeader(OPUS_RATE_HZ, early_samples=int.from_bytes(packet[10:12], "little"))
    if packet.startswith(b"\1vorbis") and len(packet) >= 30 and (rate_hz := int.from_bytes(packet[12:16], "little")):
        return SoundHeader(rate_hz, blocks=(1 << (packet[28] & 15), 1 << (packet[28] >> 4)))
    return None


def _first_granule(header: SoundHeader, page: Page) -> int:
    """Find the granule position before the first page with sound: above 0 in what was cut out of a longer stream.

    Of Vorbis only bounds are known without its setup: the blocks of the page are all long, or all short.
    """
    if header.blocks is None:
        return max(0, page.granule - sum(map(_opus_samples, page.packets())))
    short, long = header.blocks
    num_halves = sum(1 for _ in page.packets()) - 1  # a first block only starts the overlap
    return max(0, page.granule - num_halves * short // 2) if page.granule > num_halves * long // 2 else 0


def _opus_samples(packet: bytes) -> int:
    """Count the samples of an Opus packet at 48 kHz (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    count = (1, 2, 2, packet[1] & 63 if len(packet) > 1 else 0)[packet[0] & 3]
    return count * OPUS_FRAMES[packet[0] >> 3]
