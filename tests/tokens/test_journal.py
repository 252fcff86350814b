"""Rows that wait for their shard outlive the process."""

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens import journal
from vqaudio.tokens.journal import SAVE_EVERY_S, journal_files
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 1_024, "cd" * 32)

# Appends rows 0 to 8 in shards of four, saves rows 9 and 10 early, and dies as by kill -9.
KILLED = """
import os, sys
sys.path.insert(0, sys.argv[2])
from test_journal import STAMP, row
from vqaudio.tokens.writer import TokenWriter

writer = TokenWriter(sys.argv[1], STAMP, rows_per_shard=4, save_every_s=float(sys.argv[3]))
for number in range(9):
    writer.append(row(number))
for number in (9, 10):
    writer.save_early(row(number))
os._exit(9)
"""


def row(number: int) -> TokenRow:
    codes = np.random.default_rng(number).integers(0, 1_024, (2, 10)).astype(np.uint16)
    return TokenRow(f"{number:02d}.wav", codes, 3_200, 16_000, 0.2)


def killed(store: Path, save_every_s: float) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(store), str(Path(__file__).parent), str(save_every_s)]
    assert subprocess.run(command, env=environment, check=False).returncode == 9


def content_of(store: Path) -> dict[str, list[list[int]]]:
    rows = list(TokenStore.open(store))
    assert len({found.id for found in rows}) == len(rows)
    return {found.id: found.codes.tolist() for found in rows}


def wanted(numbers: range) -> dict[str, list[list[int]]]:
    return {row(number).id: row(number).codes.tolist() for number in numbers}


def test_no_row_is_lost_to_a_kill_nor_doubled_by_the_run_that_goes_on(tmp_path):
    killed(tmp_path, 0.0)
    assert content_of(tmp_path) == wanted(range(8))
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        assert [number for number in range(12) if not writer.has_row(row(number).id)] == [11]
        writer.append(row(11))
    assert content_of(tmp_path) == wanted(range(12))
    assert journal_files(tmp_path) == []


def test_a_second_kill_takes_nothing_of_what_the_first_one_left(tmp_path):
    killed(tmp_path / "store", 0.0)
    with TokenWriter(tmp_path / "store", STAMP, mode="resume", save_every_s=0.0) as writer:
        writer.append(row(11))
        shutil.copytree(tmp_path / "store", tmp_path / "killed")  # the disk as another kill leaves it
    with TokenWriter(tmp_path / "killed", STAMP, mode="resume"):
        pass
    assert content_of(tmp_path / "killed") == wanted(range(12))


def test_what_no_journal_held_is_done_again(tmp_path):
    killed(tmp_path, 1e9)
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        assert [number for number in range(12) if not writer.has_row(row(number).id)] == [8, 9, 10, 11]


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_a_row_is_saved_when_it_has_waited_long_enough(tmp_path, monkeypatch, is_waited_for):
    now_s = 1_000.0
    monkeypatch.setattr(journal.time, "monotonic", lambda: now_s)
    with TokenWriter(tmp_path, STAMP) as writer:
        now_s += 10 * SAVE_EVERY_S  # nothing came: the first row waits no less than others
        writer.save_if_due()
        writer.append(row(0))
        now_s += SAVE_EVERY_S - 1
        writer.save_if_due()
        assert journal_files(tmp_path) == []
        now_s += 1
        if is_waited_for:  # no other row comes: the run calls save_if_due while it waits
            writer.save_if_due()
        else:
            writer.append(row(1))
        assert len(journal_files(tmp_path)) == 1
        now_s += SAVE_EVERY_S - 1
        writer.append(row(2))
        assert len(journal_files(tmp_path)) == 1
    assert journal_files(tmp_path) == []
    assert SAVE_EVERY_S < 60  # of work that a kill may cost


def test_a_row_that_came_early_is_written_in_its_turn_and_only_once(tmp_path):
    with TokenWriter(tmp_path, STAMP, save_every_s=0.0) as writer:
        writer.save_early(row(2))
        for number in range(3):
            assert not writer.has_row(row(number).id)
            writer.append(row(number))
        assert len(journal_files(tmp_path)) == 3
    assert TokenStore.open(tmp_path).ids() == ["00.wav", "01.wav", "02.wav"]
    assert journal_files(tmp_path) == []


@pytest.mark.parametrize("save_every_s", [0.0, 1e9])
def test_a_row_that_came_early_is_kept_by_a_run_that_is_stopped_before_its_turn(tmp_path, save_every_s):
    with TokenWriter(tmp_path, STAMP, save_every_s=save_every_s) as writer:
        writer.append(row(0))
        writer.save_early(row(5))
    assert content_of(tmp_path) == wanted(range(1))
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        assert writer.has_row("05.wav")
    assert sorted(content_of(tmp_path)) == ["00.wav", "05.wav"]


def test_a_journal_whose_rows_a_shard_took_just_before_the_kill_adds_none(tmp_path):
    with TokenWriter(tmp_path, STAMP, save_every_s=0.0) as writer:
        writer.append(row(0))
        (path,) = journal_files(tmp_path)
        content = path.read_bytes()
    path.write_bytes(content)
    with TokenWriter(tmp_path, STAMP, mode="resume"):
        pass
    assert content_of(tmp_path) == wanted(range(1))
    assert journal_files(tmp_path) == []


def test_a_damaged_journal_costs_its_rows_only(tmp_path):
    killed(tmp_path, 0.0)
    first, *_ = journal_files(tmp_path)
    first.write_bytes(first.read_bytes()[:-9])
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        assert [number for number in range(11) if not writer.has_row(row(number).id)] == [8]
    assert journal_files(tmp_path) == []


def test_a_journal_of_another_codec_is_refused_and_overwriting_removes_it(tmp_path):
    killed(tmp_path, 0.0)
    other = replace(STAMP, weights_sha256="0" * 64)
    (tmp_path / "vqaudio.json").unlink()
    for shard in tmp_path.glob("data/part-*"):
        shard.unlink()
    with pytest.raises(VqaudioError, match=r"journal-.*was written by speech"):
        TokenWriter(tmp_path, other, mode="resume")
    with TokenWriter(tmp_path, other, mode="overwrite"):
        pass
    assert (content_of(tmp_path), journal_files(tmp_path)) == ({}, [])
