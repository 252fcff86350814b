import json

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.failures import FailureLog, read_failures


def test_a_failure_is_on_disk_at_once_and_each_is_there_once_at_the_end(tmp_path):
    with FailureLog(tmp_path) as log:
        log.add({"id": "b 語.wav", "reason": "empty"})
        assert read_failures(tmp_path)["b 語.wav"]["reason"] == "empty"
        log.add({"id": "b 語.wav", "reason": "damaged"})
        log.add({"id": "a.wav", "reason": "no samples"})
        log.add({"id": "c.wav", "reason": "was retried"})
        log.discard("c.wav")
    lines = (tmp_path / "failures.jsonl").read_text(encoding="utf-8").splitlines()
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


def test_a_broken_line_inside_the_file_is_named(tmp_path):
    (tmp_path / "failures.jsonl").write_text('{"id": "a.wav"}\nnonsense\n')
    with pytest.raises(VqaudioError, match="line 2"):
        FailureLog(tmp_path)


def test_a_store_without_the_file_has_no_failures(tmp_path):
    assert read_failures(tmp_path) == {}


def test_a_name_that_is_not_unicode_is_kept(tmp_path):
    with FailureLog(tmp_path) as log:
        log.add({"id": "caf\udce9.wav", "reason": "not Unicode"})
    assert list(read_failures(tmp_path)) == ["caf\udce9.wav"]
