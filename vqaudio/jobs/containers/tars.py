"""Archives of recordings as WebDataset has them (github.com/webdataset): `key.flac`, and `key.json`, `key.txt` beside.

The key is the member's path up to the first dot of its name, and the recording's id; where a key has two recordings
(`key.left.wav`, `key.right.wav`) their ids are their whole paths.  Of the JSON object `speaker` and `text` are kept, of
`key.txt` its text.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from vqaudio.audio.folders import FOREIGN_SUFFIXES, READABLE_SUFFIXES, suffix_of
from vqaudio.core.errors import VqaudioError
from vqaudio.core.plain_files import parse_json
from vqaudio.jobs.containers.part import Part
from vqaudio.jobs.containers.tar_members import Member, members_of
from vqaudio.jobs.containers.texts import text_in
from vqaudio.jobs.sources import Source, refusal_of_suffix

SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
MAX_TEXT_BYTES = 1 << 20  # of a description beside a recording


def sources_in_tar(path: Path, name: str) -> list[Source]:
    """Find the recordings of an archive by its headers, in their order.

    name: what stands before their keys, "" for nothing.  What is damaged is a source that is refused, under the name of
    the archive or of the member: it is reported and stops nothing.
    """
    recordings, beside, faults = list[Member](), dict[str, Member](), list[str]()
    for member in members_of(path):
        if isinstance(member, str):
            faults.append(member)
        elif suffix_of(member.name) in READABLE_SUFFIXES + FOREIGN_SUFFIXES:
            recordings.append(member)
        elif member.name.endswith((".json", ".txt")):
            beside[member.name] = member
    before = f"{name}/" if name else ""
    archive_id = f"{name or path.stem}.tar"
    if not recordings and not faults:
        faults.append("holds no recording")
    sources = [
        Source(
            archive_id + (f" ({number})" if number > 1 else ""), str(path), refusal=f"the archive {path.name} {fault}"
        )
        for number, fault in enumerate(faults, start=1)
    ]
    ids = _ids([member.name for member in recordings])
    if recordings:
        with open(path, "rb") as file:
            for member, row_id in zip(recordings, ids, strict=True):
                sources.append(_source(path, file, member, before + row_id, beside))
    return sources


def key_of(name: str) -> str:
    """Take the key of a member's path, which is the path below a folder, whatever leads up from there.

    >>> [key_of(name) for name in ("./a/1.left.wav", "/data/1.wav", "../1.wav", "a/.1.wav")]
    ['a/1', 'data/1', '1', 'a/.1.wav']
    """
    *folders, last = _parts(name)
    return "/".join([*folders, last.split(".")[0] or last])


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".", "..")] or [name.replace("/", "_")]


def _ids(names: Sequence[str]) -> Iterator[str]:
    """Make an id of every member's path, in Unicode and its own; of those that stand twice a later one is told."""
    keys, taken = Counter(map(key_of, names)), set[str]()
    for name in names:
        key = key_of(name)
        row_id = (key if keys[key] == 1 else "/".join(_parts(name))).encode("utf-8", "backslashreplace").decode()
        while row_id in taken:
            row_id += " (again)"
        taken.add(row_id)
        yield row_id


def _source(path: Path, file: IO[bytes], member: Member, row_id: str, beside: dict[str, Member]) -> Source:
    """Make the source of a member, with what the descriptions beside it say."""
    suffix = suffix_of(member.name)
    refusal = member.refusal or refusal_of_suffix(suffix)
    if member.name != member.name.encode("utf-8", "backslashreplace").decode():
        refusal = "its name in the archive is not UTF-8; rename it"
    speaker = text = None
    try:
        speaker, text = _described(file, member.name, beside)
    except VqaudioError as error:
        refusal = refusal or str(error)
    part = Part(suffix, member.start_byte, member.num_bytes)
    return Source(row_id, str(path), member.num_bytes, speaker, text, refusal, part=part)


def _described(file: IO[bytes], name: str, beside: dict[str, Member]) -> tuple[str | None, str | None]:
    """Read speaker and text of a member from the files of its key.  Raises VqaudioError if they are none."""
    folder, _, last = name.rpartition("/")
    stem = f"{folder}/{last.split('.')[0]}" if folder else last.split(".")[0]
    row: dict[str, Any] = {}
    if description := beside.get(f"{stem}.txt"):
        row["text"] = _content(file, description).strip()
    if description := beside.get(f"{stem}.json"):
        place, content = f"{description.name} beside it", _content(file, description)
        try:
            found = parse_json(content)
        except ValueError as error:
            raise VqaudioError(f"{place} is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise VqaudioError(f"{place} is not a JSON object; wanted one with speaker and text")
        row |= {key: value for key, value in found.items() if key in ("speaker", "text") and value is not None}
    speaker, text = (text_in(f"the description {stem}", row, name) for name in ("speaker", "text"))
    return speaker, text


def _content(file: IO[bytes], member: Member) -> str:
    if member.refusal or member.num_bytes > MAX_TEXT_BYTES:
        reason = member.refusal or f"it has {member.num_bytes} bytes, wanted at most {MAX_TEXT_BYTES}"
        raise VqaudioError(f"{member.name} beside it cannot be read: {reason}")
    file.seek(member.start_byte)
    try:
        return file.read(member.num_bytes).decode("utf-8-sig")
    except (UnicodeDecodeError, OSError) as error:
        raise VqaudioError(f"{member.name} beside it cannot be read: {error}") from None
