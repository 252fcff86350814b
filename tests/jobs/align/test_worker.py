"""The aligner's process: one aligner for as long as the settings stay, every error an answer."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.jobs.align import worker
from vqaudio.jobs.align.phone_aligner import UnknownWordsError
from vqaudio.jobs.align.times import Alignment
from vqaudio.jobs.align.worker import Answering
from vqaudio.jobs.worker import DONE, FAILED, HEADER

ERRORS = {
    "unknown": UnknownWordsError(["zqxx"]),
    "refused": VqaudioError("it is noise"),
    "odd": RuntimeError("a bug"),
    "broken": ValueError("wrong"),
}


class FakeAligner:
    made: list["FakeAligner"]

    def __init__(self, pronunciations: Any, *, accepts_unknown: bool) -> None:
        self.settings = (list(pronunciations), accepts_unknown)
        FakeAligner.made.append(self)

    def align(self, samples: np.ndarray, text: str) -> Alignment:
        if text in ERRORS:
            raise ERRORS[text]
        end_s = len(samples) / 16_000
        return Alignment([Interval(text, 0.0, end_s)], [Interval("SIL", 0.0, end_s)], ("look",))


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    FakeAligner.made = []
    monkeypatch.setattr(worker, "PhoneAligner", FakeAligner)
    soundfile.write(tmp_path / "a.wav", np.full(8_000, 0.1), 8_000)
    answering = Answering()

    def call(text: str, **settings: Any) -> tuple[bytes, dict[str, Any]]:
        answers = io.BytesIO()
        request = {"path": str(tmp_path / "a.wav"), "dictionary": None, "accepts_unknown": False, "text": text}
        answering.answer({**request, **settings}, answers)
        data = answers.getvalue()
        tag, num_bytes = HEADER.unpack(data[: HEADER.size])
        assert len(data) == HEADER.size + num_bytes
        return tag, json.loads(data[HEADER.size :])

    return call


def test_an_alignment_is_answered_with_its_seconds_and_its_warnings(ask) -> None:
    tag, facts = ask("hello")
    assert tag == DONE
    assert facts["duration_s"] == 1.0  # at the aligner's rate, not the file's
    assert (facts["words"], facts["phones"]) == ([["hello", 0.0, 1.0]], [["SIL", 0.0, 1.0]])
    assert facts["warnings"][-1] == "look"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("unknown", "not in the dictionary: zqxx"),
        ("refused", "it is noise"),
        ("odd", "RuntimeError: a bug"),
        ("broken", "ValueError: wrong"),
    ],
)
def test_every_error_is_an_answer_and_the_next_recording_is_aligned(ask, text: str, reason: str) -> None:
    tag, facts = ask(text)
    assert (tag, facts["reason"]) == (FAILED, reason)
    assert facts.get("unknown_words") == (["zqxx"] if text == "unknown" else None)
    assert ask("hello")[0] == DONE
    assert ask("hello", path="/nowhere.wav")[0] == FAILED


def test_an_aligner_is_made_anew_only_for_other_settings(ask, tmp_path: Path) -> None:
    (tmp_path / "my.dict").write_text("zqxx S M AO L\n")
    path = str(tmp_path / "my.dict")
    for settings in ({}, {}, {"dictionary": path}, {"dictionary": path}, {"accepts_unknown": True}, {}):
        assert ask("hello", **settings)[0] == DONE
    entries = [("zqxx", "S M AO L")]
    assert [one.settings for one in FakeAligner.made] == [([], False), (entries, False), ([], True), ([], False)]
