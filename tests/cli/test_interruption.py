"""Runs that are killed or interrupted, and the ones that go on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from vqaudio.cli.main import main
from vqaudio.tokens.store import TokenStore

# The command with shards of two rows, 0.1 s for each file, and a log of what was encoded.
SLOW_COMMAND = """
import functools, sys, time
import vqaudio.codec.streaming as streaming, vqaudio.jobs.batch as batch, vqaudio.tokens.writer as writer
from vqaudio.cli.main import main
writer.TokenWriter.__init__.__kwdefaults__["rows_per_shard"] = 2
encode = batch.TokenizeBatch.encode
def slow(self, source, feed):
    with open(sys.argv[1], "a") as log: print(source.id, file=log)
    time.sleep(0.1)
    return encode(self, source, feed)
batch.TokenizeBatch.encode = slow
sys.exit(main(sys.argv[2:]))
"""


def codes_in(store: Path) -> dict[str, list[list[int]]]:
    return {row.id: row.codes.tolist() for row in TokenStore.open(store)}


@pytest.fixture
def start(tiny_codec: Path, recordings: Path, tmp_path: Path):
    """Starts the slow command with --resume; returns when the store holds at least so many shards."""

    def call(num_shards: int) -> subprocess.Popen[str]:
        arguments = ["tokenize", str(recordings), "--out", str(tmp_path / "killed"), "--codec", str(tiny_codec)]
        child = subprocess.Popen(
            [sys.executable, "-c", SLOW_COMMAND, str(tmp_path / "log"), *arguments, "--workers", "1", "--resume"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        while len(list((tmp_path / "killed").glob("data/part-*.parquet"))) < num_shards and child.poll() is None:
            time.sleep(0.005)
        return child

    return call


@pytest.fixture
def whole(tiny_codec: Path, recordings: Path, tmp_path: Path) -> dict[str, list[list[int]]]:
    """The codes of a run that nobody disturbed."""
    out = tmp_path / "whole"
    main(["tokenize", str(recordings), "--out", str(out), "--codec", str(tiny_codec), "--workers", "0", "--quiet"])
    return codes_in(out)


def test_killed_runs_end_as_one_that_was_not(start, whole: dict, tmp_path: Path) -> None:
    rng = random.Random(0)
    for num_shards in (1, 3):
        child = start(num_shards)
        time.sleep(rng.uniform(0, 0.15))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        safe = codes_in(tmp_path / "killed")
        assert 2 <= len(safe) < len(whole)
        (tmp_path / f"safe{num_shards}").write_text("\n".join(safe))
    told = start(99).communicate()
    assert codes_in(tmp_path / "killed") == whole, told
    times = Counter((tmp_path / "log").read_text().split())
    assert all(times[name] == 1 for name in (tmp_path / "safe1").read_text().split())
    assert max(times.values()) <= 3
    left = {path.name for path in (tmp_path / "killed").rglob("*") if path.is_file() and path.suffix != ".parquet"}
    assert left == {"vqaudio.json", "failures.jsonl"}


def test_ctrl_c_keeps_what_is_finished_and_says_how_to_go_on(start, whole: dict, tmp_path: Path) -> None:
    child = start(1)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: the decoder processes get it too
    _, told = child.communicate(timeout=60)
    assert child.returncode == 130
    assert "--resume" in told
    assert "Traceback" not in told
    assert 2 <= len(codes_in(tmp_path / "killed")) < len(whole)
    last = start(99)
    last.communicate(timeout=60)
    assert last.returncode == 0
    assert codes_in(tmp_path / "killed") == whole
    assert max(Counter((tmp_path / "log").read_text().split()).values()) <= 2
