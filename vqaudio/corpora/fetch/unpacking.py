"""Unpacking of archives so that nothing is written outside the folder asked for, in every version of Python alike.

Members are written one by one as plain files and folders.  No link is ever made, so none can lead out: a link to a
member that is there becomes a copy of it.  (`tarfile`'s own filter came in patch releases: 3.10.12, 3.11.4.)
"""

import lzma
import posixpath
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, NamedTuple

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.fetch.downloads import check_space

ZIP_BEGINNING = b"PK\x03\x04"
# What the readers of archives raise for damaged bytes; a ValueError too for a name that no disk takes.
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, RuntimeError, ValueError, LookupError, OverflowError, MemoryError),
)


class Member(NamedTuple):
    """One member of an archive.

    name: in the archive.  target: of a link, as seen from the top of the archive, else None.
    open: gives the bytes of a file; None for a folder, a link or a device.
    """

    name: str
    is_folder: bool
    target: str | None
    open: Callable[[], IO[bytes]] | None


class Unpacked(NamedTuple):
    """The result of unpacking an archive.

    folders: the upper two levels of those that hold files.  left_out: links to what is not there, pipes, devices.
    """

    folders: tuple[str, ...]
    left_out: tuple[str, ...]


def unpack(archive: Path, folder: Path, *, tell: Callable[[int, int], None] = lambda *_: None) -> Unpacked:
    """Unpack the files of a .zip or .tar.* into `folder`, over those that are there.

    tell: called with the bytes of the archive that are done, and all of them.
    Raises VqaudioError if a name or a link leads out of `folder`, the archive is damaged, or the disk is full.
    """
    folders: dict[str, None] = {}
    left_out = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(archive, "rb") as file:
            is_zip = file.read(4) == ZIP_BEGINNING
            file.seek(0)
            for member in _zip_members(file, folder) if is_zip else _tar_members(file):
                name = _inside(archive, member.name)
                if _write(archive, member, name, folder):
                    parts = name.split("/")[: None if member.is_folder else -1]
                    folders |= dict.fromkeys("/".join(parts[:depth]) for depth in range(1, min(2, len(parts)) + 1))
                else:
                    left_out.append(name)
                tell(file.tell(), archive.stat().st_size)
    except DAMAGE as error:
        raise VqaudioError(f"{archive} cannot be unpacked: {error}; delete it and fetch it again") from None
    except OSError as error:
        raise VqaudioError(f"{archive} cannot be unpacked into {folder}: {error.strerror or error}") from None
    return Unpacked(tuple(folders), tuple(left_out))


def _write(archive: Path, member: Member, name: str, folder: Path) -> bool:
    """Write one member; return False if it is neither a file, a folder, nor a link to a file that is there."""
    path = folder / name
    if member.is_folder:
        path.mkdir(parents=True, exist_ok=True)
        return True
    target = None if member.target is None else folder / _inside(archive, member.target)
    if member.open is None and (target is None or not target.is_file()):
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() if member.open else open(target or path, "rb") as source, open(path, "wb") as written:
        shutil.copyfileobj(source, written, 1 << 20)
    return True


def _inside(archive: Path, name: str) -> str:
    """Normalize a member's name.  Raises VqaudioError if it leads out of the archive's top."""
    plain = posixpath.normpath(name)
    if plain.startswith(("/", "../")) or plain == "..":
        raise VqaudioError(
            f"{archive} is refused: its member {name!r} leads out of the folder it is unpacked to; get it elsewhere"
        )
    return plain


def _tar_members(file: IO[bytes]) -> Iterator[Member]:
    with tarfile.open(fileobj=file, mode="r:*") as tar:
        for member in tar:
            target = None
            if member.issym():  # relative to the link's own folder; a hard link's is relative to the top
                target = posixpath.join(posixpath.dirname(member.name), member.linkname)
            elif member.islnk():
                target = member.linkname
            yield Member(
                member.name, member.isdir(), target, partial(_file_in, tar, member) if member.isreg() else None
            )


def _file_in(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member)
    assert source is not None  # it is a regular file
    return source


def _zip_members(file: IO[bytes], folder: Path) -> Iterator[Member]:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        check_space(
            folder, sum(member.file_size for member in members), f"unpacking {getattr(file, 'name', 'the archive')}"
        )
        for member in members:
            if stat.S_ISLNK(member.external_attr >> 16):
                target = posixpath.join(
                    posixpath.dirname(member.filename), archive.read(member).decode("utf-8", "replace")
                )
                yield Member(member.filename, False, target, None)
            else:
                opened = None if member.is_dir() else partial(archive.open, member)
                yield Member(member.filename, member.is_dir(), None, opened)
