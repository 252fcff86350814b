"""Scoring in other processes: few pairs at a time, one thread each, and a death told with where it was."""

import os
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.evaluate import evaluation, scoring
from vqaudio.jobs.evaluate.evaluation import choose_metrics
from vqaudio.jobs.evaluate.scoring import PAIRS_PER_WORKER, THREAD_VARIABLES, Pair, score_pairs
from vqaudio.metrics.pair import METRICS

SAMPLES = np.zeros(8, np.float32)


class Pool:
    """Its processes score at once; the pair that is `deadly` kills its process."""

    made: list["Pool"]

    def __init__(self, num_workers: int, context: Any) -> None:
        self.num_workers, self.method, self.given = num_workers, context.get_start_method(), []
        Pool.made.append(self)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, score: Any, reference: Any, decoded: Any, *how: Any) -> "Future[dict[str, float]]":
        self.given.append((how, {name: os.environ.get(name) for name in THREAD_VARIABLES}))
        task: Future[dict[str, float]] = Future()
        if decoded is None:
            task.set_exception(BrokenProcessPool())
        else:
            task.set_result({"score": float(decoded[0])})
        return task


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> list[Pool]:
    Pool.made = []
    monkeypatch.setattr(scoring, "ProcessPoolExecutor", Pool)
    return Pool.made


@pytest.mark.parametrize("num_workers", [1, 3])
def test_every_pair_is_scored_and_no_more_wait_than_four_for_each_process(pool: list[Pool], num_workers: int) -> None:
    asked, most = 0, 0

    def pairs():
        nonlocal asked
        for number in range(40):
            asked += 1
            yield Pair((str(number), "", ""), SAMPLES, SAMPLES + number)

    found = {}
    for key, scores in score_pairs(pairs(), 16_000, ["mel_db"], num_workers):
        most = max(most, asked - len(found))
        found[key[0]] = scores["score"]
    assert found == {str(number): float(number) for number in range(40)}
    assert most == PAIRS_PER_WORKER * num_workers
    assert (pool[0].num_workers, pool[0].method) == (num_workers, "spawn")
    assert pool[0].given[0][0] == (16_000, ("mel_db",))


def test_processes_compute_with_one_thread_and_ours_keeps_its_own(pool: list[Pool], monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("NUMBA_NUM_THREADS", raising=False)
    list(score_pairs([Pair(("a", "", ""), SAMPLES, SAMPLES)], 16_000, ["mel_db"], 2))
    assert pool[0].given[0][1] == dict.fromkeys(THREAD_VARIABLES, "1")
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "NUMBA_NUM_THREADS" not in os.environ


def test_a_process_that_dies_is_told_with_the_file(pool: list[Pool], monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with pytest.raises(VqaudioError, match="a scoring process died near deadly; give --workers 0"):
        list(score_pairs([Pair(("deadly", "", ""), SAMPLES, None)], 16_000, ["mel_db"], 1))  # type: ignore[arg-type]
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_without_processes_it_is_scored_here(pool: list[Pool], monkeypatch) -> None:
    monkeypatch.setattr(scoring, "score_pair", lambda *given: {"score": float(len(given))})
    assert list(score_pairs([Pair(("a", "b", "c"), SAMPLES, SAMPLES)], 16_000, ["mel_db"], 0)) == [
        (("a", "b", "c"), {"score": 4.0})
    ]
    assert pool == []


def test_torch_has_one_thread_beside_processes_and_all_of_them_again(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = [4]
    monkeypatch.setattr(torch, "get_num_threads", lambda: numbers[-1])
    monkeypatch.setattr(torch, "set_num_threads", numbers.append)
    for num_workers, inside in ((2, 1), (0, 4)):
        with evaluation._thread_beside(num_workers):
            assert numbers[-1] == inside
        assert numbers[-1] == 4


def test_what_cannot_be_measured_is_told_or_refused_if_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "missing_metrics", lambda rate_hz: {"stoi": f"not at {rate_hz} Hz"})
    names, missing = choose_metrics(None, 8_000)
    assert names == tuple(name for name in METRICS if name != "stoi")
    assert missing == {"stoi": "not at 8000 Hz"}
    assert choose_metrics(["si_sdr_db", "mel_db"], 8_000) == (("mel_db", "si_sdr_db"), {})
    with pytest.raises(VqaudioError, match="stoi cannot be measured: not at 8000 Hz"):
        choose_metrics(["mel_db", "stoi"], 8_000)
