"""Downloads that resume where they were cut, are checked as they arrive, and get their name when they are whole."""

import hashlib
import http.client
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from vqaudio.core.errors import VqaudioError

PART = ".part"  # ends the name of what is not whole yet
BLOCK_BYTES = 1 << 20
TIMEOUT_S = 60.0
MAX_BYTES = 100_000_000_000  # twice the largest archive of the table, LibriTTS train-other-500
MAX_DIGITS = 18  # of a length
MAX_ATTEMPTS = 5
FIRST_PAUSE_S = 1.0  # doubles with each attempt that brought nothing new
RANGE_NOT_SATISFIABLE, TOO_MANY_REQUESTS, REQUEST_TIMEOUT = 416, 429, 408

Tell = Callable[[int, "int | None"], None]  # bytes that are there, bytes in all where that is known


class PartFile:
    """A partly downloaded file, with the SHA-256 of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.restart(is_kept=True)

    def restart(self, *, is_kept: bool = False) -> None:
        """Begin from nothing, or from what an earlier run left."""
        self.num_bytes, self._digest = 0, hashlib.sha256()
        if not is_kept:
            self.path.unlink(missing_ok=True)
        elif self.path.is_file():
            with open(self.path, "rb") as file:
                while block := file.read(BLOCK_BYTES):
                    self._count(block)

    def append(self, blocks: Iterator[bytes], tell: Callable[[int], None]) -> None:
        """Append blocks as they arrive.

        tell: called with the bytes so far.  Raises VqaudioError if the disk does not take them.
        """
        for block in blocks:
            try:
                with open(self.path, "ab") as file:
                    file.write(block)
            except OSError as error:
                raise VqaudioError(f"{self.path} cannot be written: {error.strerror or error}") from None
            self._count(block)
            tell(self.num_bytes)

    @property
    def sha256(self) -> str:
        """Hexadecimal digits of the SHA-256 of what is in the file."""
        return self._digest.hexdigest()

    def _count(self, block: bytes) -> None:
        self._digest.update(block)
        self.num_bytes += len(block)


def download(url: str, path: Path, sha256: str, *, unpacked_share: float = 0.0, tell: Tell = lambda *_: None) -> None:
    """Download `url` to `path`, which is written whole and with this SHA-256 or not at all.

    A connection that is cut is taken up again; after MAX_ATTEMPTS without a byte, what came stays in `path.part` and
    the next call goes on from there.
    unpacked_share: bytes that must stay free beside the file, as a share of its length: for unpacking it.
    Raises VqaudioError if the file is not there, cannot be had whole, has other digits or more than MAX_BYTES (it is
    deleted then), or if there is too little space on the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = PartFile(path.with_name(path.name + PART))
    attempt, most = 0, part.num_bytes
    while part.sha256 != sha256:
        try:
            if _receive(url, part, unpacked_share, tell):
                break
            reason = "the connection was cut"
        except (OSError, http.client.HTTPException) as error:  # of the network: those of the disk are VqaudioErrors
            reason = _reason(url, error)
        attempt, most = 1 if part.num_bytes > most else attempt + 1, max(most, part.num_bytes)
        if attempt >= MAX_ATTEMPTS:
            raise VqaudioError(f"{url}: {reason}; {part.num_bytes:,} bytes are kept, run the command again to go on")
        time.sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
    if part.sha256 != sha256:
        actual = part.sha256
        part.restart()
        raise VqaudioError(
            f"{url} came with the SHA-256 {actual}, wanted {sha256}; it was deleted; run the command again, and if "
            f"that gives the same, the file was changed where it is published"
        )
    os.replace(part.path, path)


def check_space(folder: Path, num_bytes: int, purpose: str) -> None:
    """Check that the disk of `folder` has this many bytes free.

    Raises VqaudioError if it has fewer, saying how many are needed.
    """
    free = shutil.disk_usage(folder).free
    if free < num_bytes:
        raise VqaudioError(
            f"{purpose} needs {num_bytes / 1e9:.2f} GB in {folder}, and {free / 1e9:.2f} GB are free there; "
            f"make room or take another folder"
        )


def _receive(url: str, part: PartFile, unpacked_share: float, tell: Tell) -> bool:
    """Open one connection, ask for what is missing and append it; return whether the file is whole."""
    headers = {"User-Agent": "vqaudio"} | ({"Range": f"bytes={part.num_bytes}-"} if part.num_bytes else {})
    try:
        reply = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != RANGE_NOT_SATISFIABLE or not part.num_bytes:
            raise
        part.restart()  # more is there than the file has: it is not this file's beginning
        return False
    with reply:
        if part.num_bytes and not reply.headers.get("Content-Range", "").startswith(f"bytes {part.num_bytes}-"):
            part.restart()  # the server sends the whole file again
        length = _length(url, reply.headers.get("Content-Length"))
        total = None if length is None else part.num_bytes + length

        def require_room(num_bytes: int) -> None:
            """Check a length of the whole file."""
            if num_bytes > MAX_BYTES:
                part.restart()
                raise VqaudioError(
                    f"{url} has more than {MAX_BYTES / 1e9:g} GB, which no known archive has; it was deleted, fetch it "
                    "elsewhere"
                )
            missing = num_bytes - part.num_bytes + int(num_bytes * unpacked_share)
            check_space(part.path.parent, missing, f"{url}, unpacked," if unpacked_share else url)

        def blocks() -> Iterator[bytes]:
            while block := reply.read(BLOCK_BYTES):
                if total is None:
                    require_room(part.num_bytes + len(block))
                yield block

        if total is not None:
            require_room(total)
        part.append(blocks(), lambda num_bytes: tell(num_bytes, total))
    return total is None or part.num_bytes >= total


def _length(url: str, told: str | None) -> int | None:
    """Read the header Content-Length, None where it is not there.  Raises VqaudioError if it is no length."""
    if told is None:
        return None
    if not (told.isascii() and told.isdigit() and len(told) <= MAX_DIGITS):
        raise VqaudioError(f"{url}: the server gives {told[:MAX_DIGITS]!r} as its length in bytes; fetch it elsewhere")
    return int(told)


def _reason(url: str, error: Exception) -> str:
    """Return what went wrong, if trying again may help.  Raises VqaudioError if it cannot."""
    if isinstance(error, urllib.error.HTTPError):
        said = f"the server says {error.code} {error.reason}"
        if error.code < 500 and error.code not in (REQUEST_TIMEOUT, TOO_MANY_REQUESTS):
            raise VqaudioError(f"{url}: {said}; it may have moved") from None
        return said
    return str(getattr(error, "reason", None) or error or type(error).__name__)
