"""This machine's engine: order, room, failures and ends."""

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source
from vqaudio.jobs.tokenize import local
from vqaudio.jobs.tokenize.file_tokenizer import BlockEncoder, FileTokenizer, Outcome
from vqaudio.jobs.tokenize.local import LocalRun
from vqaudio.jobs.tokenize.readers import Decoded

RATE_HZ = 16_000


class ScriptedDecoder:
    """Plays a file from its path: `12` is twelve blocks, `slow` waits, `broken` fails, `bug` is a mistake of ours."""

    def __init__(self) -> None:
        self.num_given = 0
        self.is_closed = False

    def read(self, path: str, sample_rate_hz: int, on_block: Callable[[np.ndarray], None], **segment: Any) -> Decoded:
        if path == "broken":
            raise VqaudioError("is broken")
        if path == "bug":
            raise ZeroDivisionError
        if path == "slow":
            time.sleep(0.3)
        num_blocks = int(path) if path.isdigit() else 1
        for _ in range(num_blocks):
            on_block(np.ones(320, dtype=np.float32))
            self.num_given += 1
        return Decoded(320 * num_blocks, RATE_HZ, ())

    def abort(self) -> None: ...

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def finished(bounded: Callable) -> Callable[..., list[Outcome]]:
    """Gives all outcomes of a run."""
    return lambda job, on_wait=lambda: None: bounded(lambda: list(job.outcomes(on_wait=on_wait)))


def scripted(paths: list[str]) -> list[Source]:
    return [Source(f"{index:02}", path) for index, path in enumerate(paths)]


def test_outcomes_come_in_the_order_of_the_sources_though_an_early_file_is_slow(
    finished: Callable, make_encoder: Callable[[], BlockEncoder]
) -> None:
    sources = scripted(["slow", "1", "2", "broken", "3"])
    job = LocalRun(
        sources,
        FileTokenizer(make_encoder, RATE_HZ),
        [ScriptedDecoder(), ScriptedDecoder()],
        num_threads=2,
        num_in_flight=4,
    )
    outcomes = finished(job)
    assert [outcome.source for outcome in outcomes] == sources
    assert [outcome.reason for outcome in outcomes] == [None, None, None, "is broken", None]
    assert job.num_samples_fed == 7 * 320


def test_what_waits_for_an_earlier_file_is_given_out_early_and_again_in_its_turn(
    finished: Callable, make_encoder: Callable[[], BlockEncoder]
) -> None:
    """The first file is held until two of the later ones were given out early."""
    early: list[Outcome] = []
    are_there = threading.Event()

    class HeldDecoder(ScriptedDecoder):
        def read(
            self, path: str, sample_rate_hz: int, on_block: Callable[[np.ndarray], None], **segment: Any
        ) -> Decoded:
            if path == "held" and not are_there.wait(60):
                raise VqaudioError("nothing came early")
            return super().read(path, sample_rate_hz, on_block)

    def note(outcome: Outcome) -> None:
        early.append(outcome)
        if len(early) == 2:
            are_there.set()

    sources = scripted(["held", "1", "2", "3"])
    job = LocalRun(
        sources,
        FileTokenizer(make_encoder, RATE_HZ),
        [HeldDecoder(), HeldDecoder()],
        num_threads=2,
        num_in_flight=4,
        on_early=note,
    )
    outcomes = finished(job)
    assert [(outcome.source, outcome.reason) for outcome in outcomes] == [(source, None) for source in sources]
    assert [outcome for outcome in outcomes if outcome in early[:2]] == early[:2]
    assert outcomes[0] not in early


def test_a_refused_source_is_an_outcome_and_is_not_opened(
    finished: Callable, make_encoder: Callable[[], BlockEncoder]
) -> None:
    decoder = ScriptedDecoder()
    job = LocalRun(
        [Source("a.m4a", "1", refusal="no")],
        FileTokenizer(make_encoder, RATE_HZ),
        [decoder],
        num_threads=1,
        num_in_flight=1,
    )
    assert finished(job) == [Outcome(Source("a.m4a", "1", refusal="no"), reason="no")]
    assert decoder.num_given == 0
    assert decoder.is_closed


class StuckEncoder:
    """Waits in its first block until it is let go, then fails."""

    def __init__(self, let_go: threading.Event, *, is_broken: bool = False) -> None:
        self.let_go, self.is_broken = let_go, is_broken

    def push(self, samples: np.ndarray) -> np.ndarray:
        self.let_go.wait(300)  # no longer than a test may hang
        if self.is_broken:
            raise RuntimeError("mat1 and mat2")
        return np.zeros((1, 1), dtype=np.int64)

    def finish(self) -> np.ndarray:
        return np.zeros((1, 0), dtype=np.int64)


def test_a_decoder_never_runs_far_ahead_of_its_encoder(finished: Callable) -> None:
    let_go, decoder = threading.Event(), ScriptedDecoder()
    job = LocalRun(
        scripted(["1000"]),
        FileTokenizer(lambda: StuckEncoder(let_go), RATE_HZ),
        [decoder],
        num_threads=1,
        num_in_flight=9,
    )
    given: list[int] = []

    def look() -> None:
        given.append(decoder.num_given)
        if len(given) == 3:
            let_go.set()

    [outcome] = finished(job, look)
    assert given[2] <= 4
    assert outcome.num_samples == 320_000


def test_only_so_many_files_are_in_flight(finished: Callable) -> None:
    let_go, decoder = threading.Event(), ScriptedDecoder()
    num_in_flight: list[int] = []

    class CountingEncoder(StuckEncoder):
        def push(self, samples: np.ndarray) -> np.ndarray:
            codes = super().push(samples)
            time.sleep(0.001)  # the decoder is faster
            num_in_flight.append(decoder.num_given - len(num_in_flight))
            return codes

    job = LocalRun(
        scripted(["1"] * 50),
        FileTokenizer(lambda: CountingEncoder(let_go), RATE_HZ),
        [decoder],
        num_threads=1,
        num_in_flight=7,
    )
    given: list[int] = []

    def look() -> None:
        given.append(decoder.num_given)
        if given.count(7) == 3 or len(given) == 300:  # as many as there is room for, and a while later no more
            let_go.set()

    assert len(finished(job, look)) == 50
    assert given.count(7) >= 3
    assert max(num_in_flight) == 7


def test_an_encoder_that_fails_costs_one_file_and_its_decoder_is_not_left_waiting(
    finished: Callable, make_encoder: Callable[[], BlockEncoder]
) -> None:
    let_go = threading.Event()
    let_go.set()
    encoders = iter([StuckEncoder(let_go, is_broken=True), make_encoder()])
    job = LocalRun(
        scripted(["30", "2"]),
        FileTokenizer(lambda: next(encoders), RATE_HZ),
        [ScriptedDecoder()],
        num_threads=1,
        num_in_flight=2,
    )
    first, second = finished(job)
    assert first.reason == "the encoder failed: RuntimeError: mat1 and mat2"
    assert second.codes is not None


def test_a_mistake_in_a_thread_ends_the_run_loudly(
    finished: Callable, make_encoder: Callable[[], BlockEncoder]
) -> None:
    job = LocalRun(
        scripted(["1", "bug", "1"]),
        FileTokenizer(make_encoder, RATE_HZ),
        [ScriptedDecoder()],
        num_threads=1,
        num_in_flight=2,
    )
    with pytest.raises(ZeroDivisionError):
        finished(job)


def test_stop_ends_the_run_and_its_threads(bounded: Callable, make_encoder: Callable[[], BlockEncoder]) -> None:
    stop, decoder = threading.Event(), ScriptedDecoder()
    num_threads = threading.active_count()
    job = LocalRun(
        scripted(["1"] * 500 + ["1000000"]),
        FileTokenizer(make_encoder, RATE_HZ),
        [decoder],
        num_threads=2,
        num_in_flight=3,
        stop=stop,
    )

    def stop_after_twenty() -> int:
        seen = 0
        for _ in job.outcomes():
            seen += 1
            if seen == 20:
                stop.set()
        return seen

    seen = bounded(stop_after_twenty)
    assert 20 <= seen < 500
    assert decoder.is_closed
    assert threading.active_count() == num_threads


def test_more_finished_files_than_may_wait_do_not_lock_the_run(
    finished: Callable, make_encoder: Callable[[], BlockEncoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "FILES_AHEAD", 2)
    job = LocalRun(
        scripted(["slow"] + ["1"] * 30),
        FileTokenizer(make_encoder, RATE_HZ),
        [ScriptedDecoder(), ScriptedDecoder()],
        num_threads=2,
        num_in_flight=2,
    )
    assert len(finished(job)) == 31


def test_torchs_threads_come_back_after_a_run(finished: Callable, make_encoder: Callable[[], BlockEncoder]) -> None:
    threads_before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        tokenizer = FileTokenizer(make_encoder, RATE_HZ)
        run = LocalRun(scripted(["1"]), tokenizer, [ScriptedDecoder()], num_threads=1, num_in_flight=1)
        assert len(finished(run)) == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads_before)


@pytest.mark.parametrize(
    ("wanted", "number"), [("", 8), ("2", 2), ("8", 8), ("64", 8), ("0", 8), ("-1", 8), ("many", 8)]
)
def test_there_are_as_many_threads_as_cpus_or_fewer_where_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, wanted: str, number: int
) -> None:
    monkeypatch.setattr(local, "count_cpus", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", wanted)
    assert local.num_available_cpus() == number
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert local.num_available_cpus() == 8
