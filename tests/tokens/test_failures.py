import errno
import fcntl
import json
import subprocess
import sys

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens import failures
from vqaudio.tokens.failures import FailureLog, is_being_written, read_failures


def test_a_failure_is_on_disk_at_once_and_each_is_there_once_at_the_end(tmp_path):
    with FailureLog(tmp_path) as log:
        log.add({"id": "b 語.wav", "reason": "empty"})
        assert read_failures(tmp_path)["b 語.wav"]["reason"] == "empty"
        log.add({"id": "b 語.wav", "reason": "damaged"})
        log.add({"id": "a.wav", "reason": "no samples"})
        log.add({"id": "c.wav", "reason": "was retried"})
        log.discard("c.wav")
    lines = (tmp_path / "failures.jsonl").read_text(encoding="utf-8").splitlines()
    assert "語" in lines[1]  # a name is kept as one reads it
    assert [json.loads(line) for line in lines] == [
        {"id": "a.wav", "reason": "no samples"},
        {"id": "b 語.wav", "reason": "damaged"},
    ]


def test_a_torn_last_line_is_dropped_and_the_next_one_stands_alone(tmp_path):
    (tmp_path / "failures.jsonl").write_bytes(b'{"id": "a.wav", "reason": "x"}\n{"id": "b.wav", "rea')
    assert list(read_failures(tmp_path)) == ["a.wav"]
    log = FailureLog(tmp_path)
    log.add({"id": "c.wav", "reason": "y"})
    assert list(read_failures(tmp_path)) == ["a.wav", "c.wav"]
    log.close()
    log.close()


@pytest.mark.parametrize("line", ["nonsense", '{"reason": "no id"}', "[1]", "5", '{"id": ["a"]}', "[" * 100_000])
def test_a_line_inside_the_file_that_is_no_failure_is_named(tmp_path, line):
    (tmp_path / "failures.jsonl").write_text('{"id": "a.wav"}\n' + line + "\n")
    for read in (FailureLog, read_failures):
        with pytest.raises(VqaudioError, match="line 2"):
            read(tmp_path)


def test_a_released_log_is_as_it_was_and_a_closed_one_in_order_and_no_longer_ours(tmp_path):
    path, lines = tmp_path / "failures.jsonl", b'{"id": "b.wav", "reason": "x"}\n{"id": "a.wav", "reason": "y"}\n'
    path.write_bytes(lines)
    FailureLog(tmp_path).release()
    assert path.read_bytes() == lines
    log = FailureLog(tmp_path)
    log.close()
    assert path.read_bytes() == b"".join(sorted(lines.splitlines(keepends=True)))
    path.write_bytes(lines)  # by the next run
    log.close()
    assert path.read_bytes() == lines


def test_the_lock_is_held_until_the_file_is_rewritten(tmp_path, monkeypatch):
    locking = "import fcntl, sys; fcntl.lockf(open(sys.argv[1], 'r+b'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    command, was_free = [sys.executable, "-c", locking, str(tmp_path / "failures.jsonl")], []
    rewrite = failures.replace_durably

    def watched(*arguments) -> None:
        was_free.append(not subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode)
        rewrite(*arguments)

    monkeypatch.setattr(failures, "replace_durably", watched)
    FailureLog(tmp_path).close()
    assert was_free == [False]
    assert not subprocess.run(command, check=False).returncode


def test_where_a_file_system_has_no_locks_a_store_is_written_and_nobody_seems_to_write_it(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    assert not is_being_written(tmp_path)  # nor where there is no store
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(fcntl, "lockf", refuse)
    with FailureLog(tmp_path) as log:
        log.add({"id": "a.wav", "reason": "x"})
        assert not is_being_written(tmp_path)
    assert list(read_failures(tmp_path)) == ["a.wav"]


def test_a_log_that_cannot_be_written_is_told_in_words(tmp_path, monkeypatch):
    log = FailureLog(tmp_path)
    with open("/dev/full", "ab", buffering=0) as full, monkeypatch.context() as patched:
        patched.setattr(log, "_file", full)
        with pytest.raises(VqaudioError, match=r"failures.jsonl cannot be written: No space"):
            log.add({"id": "a.wav", "reason": "x"})
    log.release()
    (tmp_path / "b" / "failures.jsonl").mkdir(parents=True)
    with pytest.raises(VqaudioError, match=r"failures.jsonl cannot be written: Is a directory"):
        FailureLog(tmp_path / "b")


def test_a_store_without_the_file_has_no_failures(tmp_path):
    assert read_failures(tmp_path) == {}


def test_a_name_that_is_not_unicode_is_kept(tmp_path):
    with FailureLog(tmp_path) as log:
        log.add({"id": "caf\udce9.wav", "reason": "not Unicode"})
    assert list(read_failures(tmp_path)) == ["caf\udce9.wav"]
