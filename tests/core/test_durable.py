"""Files are whole or not there."""

import hashlib
from pathlib import Path

import pytest

from vqaudio.core.durable import TEMPORARY, remove_temporaries, replace_durably, sha256_of
from vqaudio.core.errors import VqaudioError


def test_a_file_has_its_new_content_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "codes"
    path.write_bytes(b"old")
    replace_durably(path, lambda temporary: temporary.write_bytes(b"new"))
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["codes"]


def test_a_write_that_fails_leaves_the_old_file_and_no_half_of_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "codes"
    path.write_bytes(b"old")

    def fill(temporary: Path) -> None:
        temporary.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    with pytest.raises(VqaudioError, match=r"codes cannot be written: No space left"):
        replace_durably(path, fill)
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["codes"]


def test_what_a_killed_run_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    kept, strays = tmp_path / "data" / "a", [tmp_path / f".b{TEMPORARY}", tmp_path / "data" / f".c{TEMPORARY}"]
    for path in (kept, *strays):
        path.write_bytes(b"x")
    remove_temporaries(tmp_path)
    assert kept.exists()
    assert not any(path.exists() for path in strays)


def test_the_digest_is_that_of_all_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000  # more than is read at once
    (tmp_path / "long").write_bytes(content)
    assert sha256_of(tmp_path / "long") == hashlib.sha256(content).hexdigest()
