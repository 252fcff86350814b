"""Runs that are killed or interrupted, and the ones that go on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vqaudio.cli.main import main
from vqaudio.cli.terminal.interruption import SIGNALS, stop_on_signals
from vqaudio.tokens.store import TokenStore

# The command with shards of two rows and a log of what was encoded.  After some files it waits for a file `log.go`;
# once Ctrl-C has been heard, and the next one would end it, there is a file `log.asked`.
HELD_COMMAND = """
import itertools, os, signal, sys, time
import vqaudio.jobs.tokenize.file_tokenizer as batch, vqaudio.tokens.writer as writer
from vqaudio.cli.main import main
log, num_free = sys.argv[1], int(sys.argv[2])
signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background job starts with SIGINT ignored
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # and one of nohup with SIGHUP
writer.TokenWriter.__init__.__kwdefaults__["rows_per_shard"] = 2
encode, numbers = batch.FileTokenizer.encode, itertools.count()
def held(self, source, feed):
    number = next(numbers)
    with open(log, "a") as file: print(source.id, file=file)
    while number >= num_free and not os.path.exists(log + ".go"):
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler: open(log + ".asked", "w").close()
        time.sleep(0.01)
    return encode(self, source, feed)
batch.FileTokenizer.encode = held
sys.exit(main(sys.argv[3:]))
"""
PATIENCE_S = 300.0  # the machine may be busy


def wait_until(holds: Callable[[], bool], child: subprocess.Popen[str]) -> None:
    """Until it holds, or the child has ended."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds() and child.poll() is None:
        assert time.monotonic() < end_s
        time.sleep(0.005)


def codes_in(store: Path) -> dict[str, list[list[int]]]:
    return {row.id: row.codes.tolist() for row in TokenStore.open(store)}


@pytest.fixture
def start(tiny_codec: Path, recordings: Path, tmp_path: Path):
    """Starts the command with --resume; returns when the store holds at least so many shards."""

    def call(num_free: int, num_shards: int) -> subprocess.Popen[str]:
        arguments = ["tokenize", str(recordings), "--out", str(tmp_path / "killed"), "--codec", str(tiny_codec)]
        command = [sys.executable, "-c", HELD_COMMAND, str(tmp_path / "log"), str(num_free), *arguments]
        child = subprocess.Popen(
            [*command, "--workers", "1", "--resume"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        wait_until(lambda: len(list((tmp_path / "killed").glob("data/part-*.parquet"))) >= num_shards, child)
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
    for num_free, num_shards in ((3, 1), (5, 3)):
        child = start(num_free, num_shards)
        time.sleep(rng.uniform(0, 0.05))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        safe = codes_in(tmp_path / "killed")
        assert 2 * num_shards <= len(safe) < len(whole)
        (tmp_path / f"safe{num_shards}").write_text("\n".join(safe))
    last = start(99, 5)
    _, told = last.communicate(timeout=PATIENCE_S)
    assert last.returncode == 0, told
    assert codes_in(tmp_path / "killed") == whole
    times = Counter((tmp_path / "log").read_text().split())
    assert all(times[name] == 1 for name in (tmp_path / "safe1").read_text().split())
    assert all(times[name] <= 2 for name in (tmp_path / "safe3").read_text().split())
    left = {path.name for path in (tmp_path / "killed").rglob("*") if path.is_file() and path.suffix != ".parquet"}
    assert left == {"vqaudio.json", "failures.jsonl"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_is_finished_and_says_how_to_go_on(number, start, whole: dict, tmp_path: Path) -> None:
    child = start(3, 1)
    os.killpg(child.pid, number)  # as terminals and batch systems do: the decoder processes get it too
    wait_until((tmp_path / "log.asked").exists, child)
    (tmp_path / "log.go").touch()
    _, told = child.communicate(timeout=PATIENCE_S)
    assert child.returncode == 128 + number
    assert "--resume" in told
    assert "Traceback" not in told
    assert 2 <= len(codes_in(tmp_path / "killed")) < len(whole)
    last = start(99, 5)
    last.communicate(timeout=PATIENCE_S)
    assert last.returncode == 0
    assert codes_in(tmp_path / "killed") == whole
    assert max(Counter((tmp_path / "log").read_text().split()).values()) <= 2


def test_the_first_ctrl_c_asks_and_the_second_interrupts_at_once() -> None:
    before, seen = signal.signal(signal.SIGINT, signal.default_int_handler), []
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), signal.SIGINT)
            seen.append(stop.is_set())
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
        assert seen == [True]
        with stop_on_signals() as again:
            assert not again.is_set()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        with pytest.raises(KeyboardInterrupt):  # after the block the first one does
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_an_ignored_signal_stays_ignored(number) -> None:
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with stop_on_signals() as stop:
            os.kill(os.getpid(), number)
            assert signal.getsignal(number) is signal.SIG_IGN
        assert not stop.is_set()
    finally:
        signal.signal(number, before)


@pytest.fixture
def heard() -> Iterator[None]:
    """No signal is ignored, whatever started the tests."""
    own = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in own.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_handlers_are_those_of_before_once_a_signal_came_and_when_the_run_is_over(heard) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with stop_on_signals() as stop:
        assert signal.SIG_DFL not in [signal.getsignal(number) for number in SIGNALS]
        os.kill(os.getpid(), signal.SIGHUP)
        assert stop.wait(PATIENCE_S)
        assert [signal.getsignal(number) for number in SIGNALS] == before
    with stop_on_signals():
        pass
    assert [signal.getsignal(number) for number in SIGNALS] == before
