"""Background batches: order, errors and the share of time spent waiting."""

import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from vqaudio.corpora import prefetch
from vqaudio.corpora.prefetch import Prefetcher


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


class Pool:
    """In the place of threads: every batch is made when it is asked for, or as soon as it may be made."""

    def __init__(self, is_eager: bool) -> None:
        self.is_eager = is_eager

    def submit(self, make: Callable[[int], int], step: int) -> SimpleNamespace:
        made = [make(step)] if self.is_eager else []
        return SimpleNamespace(result=lambda: made[0] if made else make(step))

    def shutdown(self, **_: bool) -> None: ...


@pytest.mark.parametrize(("make_s", "read_s", "share"), [(1.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 3.0, 0.25)])
def test_the_share_of_waiting_is_that_of_the_source_in_the_time_of_both(
    make_s: float, read_s: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 0.0

    def make(step: int) -> int:
        nonlocal now_s
        now_s += make_s
        return step

    monkeypatch.setattr(prefetch, "time", SimpleNamespace(perf_counter=lambda: now_s))
    monkeypatch.setattr(prefetch, "ThreadPoolExecutor", lambda *_, **__: Pool(is_eager=not make_s))
    with Prefetcher(make, 0) as ahead:
        for _ in range(6):
            next(ahead)
            now_s += read_s
        assert ahead.share_waiting == pytest.approx(share)
        assert ahead.waited_s == pytest.approx(6 * make_s)


def test_no_more_than_depth_results_are_made_ahead() -> None:
    made: list[int] = []
    with Prefetcher(made.append, 0, workers=4, depth=3) as ahead:
        next(ahead)
        time.sleep(0.05)
        assert len(made) <= 4
