"""The failure log `failures.jsonl`: what could not be tokenized and why, one JSON object a line."""

import json
from pathlib import Path
from types import TracebackType
from typing import Any

from vqaudio.core.durable import replace_durably
from vqaudio.core.errors import VqaudioError

FAILURES = "failures.jsonl"


def read_failures(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the last record of each id.

    A last line without an end, as a killed run leaves it, does not count.
    """
    try:
        return _parse((folder / FAILURES).read_bytes(), folder / FAILURES)[0]
    except FileNotFoundError:
        return {}


def is_being_written(folder: Path) -> bool:
    """Return whether another process holds the lock of a store that is written."""
    import fcntl

    if not (folder / FAILURES).exists():
        return False
    with open(folder / FAILURES, "rb") as file:
        try:
            fcntl.lockf(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return True
        except OSError:  # a file system without locks
            return False
    return False


class FailureLog:
    """The failures of a store while it is written; the open file is also the lock against a second writer."""

    def __init__(self, folder: Path, *, is_fresh: bool = False) -> None:
        self._path = folder / FAILURES
        try:
            self._file = open(self._path, "a+b")  # noqa: SIM115 - held until `close`
        except OSError as error:
            raise VqaudioError(f"{self._path} cannot be written: {error.strerror}") from None
        try:
            _lock(self._file.fileno(), folder)
            self._file.seek(0)
            self.records, whole_bytes = _parse(b"" if is_fresh else self._file.read(), self._path)
            self._file.truncate(whole_bytes)
        except BaseException:
            self._file.close()
            raise

    def add(self, record: dict[str, Any]) -> None:
        """Write one failure at once: it outlives the process."""
        self.records[record["id"]] = record
        try:
            self._file.write(_line(record))
            self._file.flush()
        except OSError as error:
            raise VqaudioError(f"{self._path} cannot be written: {error.strerror}") from None

    def discard(self, row_id: str) -> None:
        """Forget the failure of a file that has a row now."""
        self.records.pop(row_id, None)

    def close(self) -> None:
        """Rewrite the file in one step: each failure once, in the order of the ids."""
        if self._file.closed:
            return
        content = b"".join(_line(self.records[name]) for name in sorted(self.records))
        replace_durably(self._path, lambda path: path.write_bytes(content))
        self._file.close()

    def release(self) -> None:
        """Release the lock and leave the file as it is."""
        self._file.close()

    def __enter__(self) -> "FailureLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _line(record: dict[str, Any]) -> bytes:
    try:
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()
    except UnicodeEncodeError:  # a file name that is not valid Unicode
        return (json.dumps(record) + "\n").encode()


def _parse(content: bytes, path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """Parse the record of each id, and count the bytes of whole lines."""
    whole_bytes = content.rfind(b"\n") + 1
    records: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(content[:whole_bytes].splitlines(), start=1):
        try:
            record = json.loads(line)
            records[record["id"]] = record
        except (ValueError, TypeError, KeyError, RecursionError):
            raise VqaudioError(f"{path}, line {number} is not a failure's JSON object; remove that line") from None
    return records, whole_bytes


def _lock(number: int, folder: Path) -> None:
    """Take a lock that ends with this process and that its children do not hold (so no flock)."""
    import fcntl

    try:
        fcntl.lockf(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise VqaudioError(f"another run is writing the token store {folder}; wait for its end or stop it") from None
    except OSError:  # a file system without locks
        return
