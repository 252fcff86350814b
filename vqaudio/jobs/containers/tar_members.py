"""The members of a tar archive, by their headers alone: nothing is unpacked, and damage is told and passed over."""

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

MAX_HEADER_BYTES = 1 << 20  # names and attributes; a forged header asks for all there is
BLOCK_BYTES = 1 << 20  # looked through at a time
# First bytes of what tar files are compressed to: gzip, bzip2, xz, zstd.
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_FORGED = (tarfile.TarError, OSError, ValueError, ArithmeticError, RecursionError)


class Member(NamedTuple):
    """A member of an archive.  refusal: why it cannot be read."""

    name: str
    start_byte: int
    num_bytes: int
    refusal: str | None = None


class _HeaderFile:
    """An archive from which headers are read; data is passed over by seeking."""

    def __init__(self, file: IO[bytes]) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file

    def read(self, num_bytes: int) -> bytes:
        """Read a header.  Raises ValueError for one that is longer than any."""
        if num_bytes > MAX_HEADER_BYTES:
            raise ValueError(f"a header of {num_bytes} bytes")
        return self._file.read(num_bytes)


def members_of(path: Path) -> Iterator[Member | str]:
    """List all members that are no folders, in their order, and a sentence for each stretch that is damaged.

    A file that is no archive, a compressed one, and one that cannot be opened, is a sentence alone.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(6)
            if kind := next((kind for mark, kind in _COMPRESSED.items() if start.startswith(mark)), None):
                yield f"compressed with {kind}, so that single recordings cannot be got at; decompress it first"
                return
            yield from _walk(file, file.seek(0, 2))
    except _FORGED as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        yield f"cannot be read as an archive: {reason}; what stands after the last recording read is lost"


def _walk(file: IO[bytes], archive_bytes: int) -> Iterator[Member | str]:
    """List the members; what stands between two of them must be zeros."""
    file.seek(0)
    end: int | None = 0  # of the member before, None where only tarfile knows it
    last_start = -1
    with tarfile.open(fileobj=_HeaderFile(file), mode="r:", ignore_zeros=True) as archive:  # pyright: ignore[reportArgumentType,reportCallIssue]
        for info in archive:
            archive.members = []  # it would keep them all
            if info.offset <= last_start or info.size < 0:
                raise ValueError(f"the header at byte {info.offset} is forged")
            if end is not None and not _is_blank(file, end, info.offset):
                yield f"damaged from byte {end} to {info.offset}: what stood there is lost; fetch it again"
            last_start = info.offset
            num_blocks = -(-info.size // tarfile.BLOCKSIZE) if info.isreg() else 0
            end = None if info.issparse() else info.offset_data + num_blocks * tarfile.BLOCKSIZE
            if not info.isdir():
                yield Member(info.name, info.offset_data, info.size, _refusal(info, archive_bytes))
    if end is not None and end < archive_bytes and not _is_blank(file, end, archive_bytes):
        yield f"damaged from byte {end} on, or no tar archive: what stood there is lost; fetch it again"


def _refusal(info: tarfile.TarInfo, archive_bytes: int) -> str | None:
    if info.issym() or info.islnk():
        return f"a link to {info.linkname!r}, and links in archives are not followed; store the recording itself"
    if info.issparse():
        return "stored as a sparse file; store it as it is"
    if not info.isreg():
        return "not a regular file"
    if (lost := info.offset_data + info.size - archive_bytes) > 0:
        return f"the archive ends {lost} bytes before this recording does; fetch it again"
    return None


def _is_blank(file: IO[bytes], start: int, end: int) -> bool:
    """Return whether there is nothing but zeros, or pax's header for all members, from one byte to another."""
    file.seek(start)
    block = file.read(min(tarfile.BLOCKSIZE, end - start))
    try:
        if tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape").type == tarfile.XGLTYPE:
            return True
    except tarfile.TarError:  # no header, as it should be
        pass
    while block and not any(block):
        block = file.read(min(BLOCK_BYTES, end - file.tell()))
    return not block
