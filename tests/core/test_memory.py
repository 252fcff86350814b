from pathlib import Path

import numpy as np
import pytest

from vqaudio.core.memory import release_free_memory

BLOCK_BYTES, NUM_BLOCKS = 100_000, 600  # glibc takes blocks of this size from its heap


def held_bytes() -> int:
    """Memory of this process that is its own, as Linux counts it."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("RssAnon")).split()[1]) << 10


def test_memory_between_blocks_in_use_goes_back_to_the_system():
    if not Path("/proc/self/status").exists() or not release_free_memory():
        pytest.skip("this C library has no malloc_trim")
    blocks = [np.ones(BLOCK_BYTES, dtype=np.uint8) for _ in range(NUM_BLOCKS)]
    del blocks[:-1]  # the last one keeps the heap from shrinking by itself
    before = held_bytes()
    assert release_free_memory()
    assert before - held_bytes() > NUM_BLOCKS * BLOCK_BYTES / 2
