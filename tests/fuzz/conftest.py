"""Seeded damage: 200 mutations of each kind, 5,000 with `pytest tests/fuzz --full`."""

import os
import random
import resource
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

NUM_MUTATIONS, NUM_FULL = 200, 5_000
HANG_S = 120.0  # a mutation that takes longer, on a machine however busy, is a hang
SLOW_S = 10.0  # of processor time
MAX_GROWTH_BYTES = 1 << 30  # of the process's memory, over all mutations of a kind


@pytest.fixture
def num_mutations(request: pytest.FixtureRequest) -> int:
    """How many mutations of a kind are tried."""
    return NUM_FULL if request.config.getoption("--full") else NUM_MUTATIONS


@pytest.fixture
def mutations(num_mutations: int) -> Callable[[bytes], Iterator[tuple[str, bytes]]]:
    """Makes the mutations of a file one after the other, each with a name that finds it again."""

    def make(content: bytes, share: int = 1) -> Iterator[tuple[str, bytes]]:
        started_bytes = peak_bytes()
        for seed in range(num_mutations // share):
            with no_hang(f"seed {seed}"):
                yield f"seed {seed}", mutated(random.Random(seed), content)
        assert peak_bytes() - started_bytes < MAX_GROWTH_BYTES

    return make


@contextmanager
def no_hang(name: str) -> Iterator[None]:
    """Ends the process with every thread's stack where a mutation hangs; fails where it took long of the processor."""

    def give_up() -> None:
        print(f"{name} hangs", file=sys.__stderr__)
        for number, frame in sys._current_frames().items():
            print(number, "".join(traceback.format_stack(frame)), file=sys.__stderr__, flush=True)
        os._exit(9)

    timer = threading.Timer(HANG_S, give_up)
    timer.daemon = True
    timer.start()
    start_s = time.thread_time()
    try:
        yield
    finally:
        timer.cancel()
    assert time.thread_time() - start_s < SLOW_S, name


def peak_bytes() -> int:
    """The most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def mutated(rng: random.Random, content: bytes) -> bytes:
    """One to three changes such as disks, editors, copies that end early and attackers make."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(CHANGES)(rng, content)
    return content


def _flip(rng: random.Random, content: bytes) -> bytes:
    at = rng.randrange(len(content)) if content else 0
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :] if content else b"\0"


def _cut_end(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _cut_piece(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.randrange(1, 200) :]


def _double_piece(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    end = start + rng.randrange(1, 200)
    return content[:end] + content[start:]


def _noise(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    noise = rng.randbytes(rng.randrange(1, 64))
    return content[:start] + noise + content[start + len(noise) :]


def _number(rng: random.Random, content: bytes) -> bytes:
    """Another number where text has one."""
    digits = [at for at, byte in enumerate(content[:100_000]) if 48 <= byte <= 57]
    if not digits:
        return _flip(rng, content)
    start = end = rng.choice(digits)
    while end < len(content) and 48 <= content[end] <= 57:
        end += 1
    new = rng.choice(
        (b"-1", b"0", b"1", b"1e999", b"NaN", b"1000000", b"99999999999999999999", b"0.5", b'"7"', b"null")
    )
    return content[:start] + new + content[end:]


def _word(rng: random.Random, content: bytes) -> bytes:
    """What means something to a parser, anywhere."""
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.choice(WORDS) + content[start:]


WORDS = (b"\0", b"\xff\xfe", b"{", b"}", b"[" * 5_000, b'"', b"\n", b"\t", b",", b":", b"- ", b"&a *a", b"2026-01-01")
WORDS += (b"x" * 140_000, "é".encode(), b"\x1b[31m", b"<", b"../", b"nan")
CHANGES = (_flip, _flip, _cut_end, _cut_piece, _double_piece, _noise, _number, _number, _word)
