"""Background batches: order, errors and the share of time spent waiting."""

import time

import pytest

from vqaudio.corpora.prefetch import Prefetcher


def make_slowly(step: int) -> int:
    time.sleep(0.02)
    return step


def test_results_come_in_order_whatever_finishes_first() -> None:
    def make(step: int) -> int:
        time.sleep(0.01 if step % 2 else 0.0)
        return step

    with Prefetcher(make, 7, workers=3, depth=5) as ahead:
        assert [next(ahead) for _ in range(12)] == list(range(7, 19))


def test_an_error_is_raised_where_its_batch_would_have_come() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise ValueError("step 2")
        return step

    with Prefetcher(make, 0) as ahead:
        assert [next(ahead), next(ahead)] == [0, 1]
        with pytest.raises(ValueError, match="step 2"):
            next(ahead)


def test_the_share_of_waiting_is_high_for_a_slow_source_and_low_for_a_slow_reader() -> None:
    with Prefetcher(make_slowly, 0, workers=1, depth=1) as ahead:
        for _ in range(6):
            next(ahead)
        assert ahead.share_waiting > 0.7
        assert ahead.waited_s > 6 * 0.02 * 0.7
    with Prefetcher(make_slowly, 0, workers=2, depth=4) as ahead:
        time.sleep(0.1)
        for _ in range(6):
            next(ahead)
            time.sleep(0.05)
        assert ahead.share_waiting < 0.3


def test_no_more_than_depth_results_are_made_ahead() -> None:
    made: list[int] = []
    with Prefetcher(made.append, 0, workers=4, depth=3) as ahead:
        next(ahead)
        time.sleep(0.05)
        assert len(made) <= 4
