"""A run of aligner processes, with processes that only say what they were asked."""

import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.align import run as run_module
from vqaudio.jobs.align.run import NO_TRANSCRIPT, AlignOutcome, AlignRun, outcome_of
from vqaudio.jobs.sources import Source
from vqaudio.jobs.worker import DONE, FAILED

FACTS = {"duration_s": 1.5, "words": [["", 0.0, 1.5]], "phones": [["SIL", 0.0, 1.5]], "warnings": ["mind"]}


class Echo:
    """A process that fails for what is called `bad`, dies of what is called `deadly`, and keeps what it was asked."""

    made: list["Echo"]

    def __init__(self, role: str, code: str, patience_s: float) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.ends: list[str] = []
        Echo.made.append(self)

    def answers(self, request: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
        self.asked.append(request)
        if "deadly" in request["path"]:
            raise VqaudioError("the aligner died")
        is_bad = "bad" in request["path"]
        facts = {"reason": "not in it", "unknown_words": ["zqxx"]} if is_bad else FACTS
        yield FAILED if is_bad else DONE, json.dumps(facts).encode()

    def abort(self) -> None:
        self.ends.append("aborted")

    def close(self) -> None:
        self.ends.append("closed")


@pytest.fixture(autouse=True)
def _echoes(monkeypatch: pytest.MonkeyPatch) -> None:
    Echo.made = []
    monkeypatch.setattr(run_module, "WorkerProcess", Echo)


def source(name: str, **more: Any) -> Source:
    return Source(name, f"/in/{name}", **{"text": "some words", **more})


def outcomes(run: AlignRun, **more: Any) -> dict[str, AlignOutcome]:
    return {one.source.id: one for one in run.outcomes(**more)}


def test_every_source_has_one_outcome_whatever_becomes_of_the_others() -> None:
    sources = [
        source("good"),
        source("bad"),
        source("deadly"),
        source("mute", text=None),
        source("torn", text=None, refusal="it is a picture"),
        source("empty", text=""),
    ]
    found = outcomes(AlignRun(sources, num_workers=2))
    assert len(found) == len(sources)
    assert found["good"].tiers == {"words": [Interval("", 0.0, 1.5)], "phones": [Interval("SIL", 0.0, 1.5)]}
    assert (found["good"].duration_s, found["good"].warnings) == (1.5, ("mind",))
    reasons = {name: one.reason for name, one in found.items()}
    wanted = {"good": None, "bad": "not in it", "deadly": "the aligner died", "mute": NO_TRANSCRIPT}
    assert reasons == {**wanted, "torn": "it is a picture", "empty": None}
    assert found["bad"].unknown_words == ("zqxx",)


@pytest.mark.parametrize(("num_workers", "num_made"), [(0, 1), (1, 1), (2, 2), (9, 3)])
def test_there_are_no_more_processes_than_sources_and_all_are_ended(num_workers: int, num_made: int) -> None:
    outcomes(AlignRun([source(name) for name in "abc"], num_workers=num_workers))
    assert len(Echo.made) == num_made
    assert sum(len(one.asked) for one in Echo.made) == 3
    assert all(one.ends == ["aborted", "closed"] for one in Echo.made)


def test_a_process_is_told_the_text_and_the_settings() -> None:
    more = {"dictionary": "/d.dict", "accepts_unknown": True}
    for settings in (more, {"dictionary": None, "accepts_unknown": False}):
        outcomes(AlignRun([source("a")], num_workers=1, **settings))
        assert Echo.made.pop().asked == [{"path": "/in/a", "text": "some words", **settings}]
    outcomes(AlignRun([source("a")], num_workers=1))
    assert Echo.made.pop().asked == [{"path": "/in/a", "text": "some words", **settings}]


def test_who_stops_a_run_gets_no_more_and_it_still_ends_its_processes() -> None:
    stop = threading.Event()
    stop.set()
    assert outcomes(AlignRun([source("a")], num_workers=1, stop=stop)) == {}
    assert Echo.made[0].ends == ["aborted", "closed"]
    waits: list[int] = []
    assert len(outcomes(AlignRun([source("a")], num_workers=1), on_wait=lambda: waits.append(1))) == 1
    assert waits


def test_an_answer_without_unknown_words_names_none() -> None:
    assert outcome_of(source("a"), {"reason": "noise"}, is_done=False) == AlignOutcome(source("a"), reason="noise")
