"""Utterances: segments that can be, and speakers in their order."""

from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.interface import Utterance, by_speaker


@pytest.mark.parametrize(
    ("start_s", "end_s"), [(-0.1, None), (-0.1, 1.0), (1.0, 1.0), (1.0, 0.5), (None, 0.0), (0.0, -1.0)]
)
def test_a_segment_of_nothing_or_before_the_file_is_refused(start_s: float | None, end_s: float | None) -> None:
    with pytest.raises(VqaudioError, match=rf"utterance a of a.wav runs from {start_s} s to {end_s} s"):
        Utterance("a", Path("a.wav"), start_s, end_s)


@pytest.mark.parametrize(("start_s", "end_s"), [(None, None), (0.0, None), (None, 0.1), (0.5, 0.6)])
def test_a_segment_may_leave_its_ends_open(start_s: float | None, end_s: float | None) -> None:
    assert Utterance("a", Path("a.wav"), start_s, end_s).end_s == end_s


def test_speakers_are_grouped_by_name_and_those_who_say_little_are_left_out() -> None:
    spoken = ["ben", None, "ada", "ben", "", "cleo", "ada", "ben"]
    utterances = [Utterance(str(number), Path("a.wav"), speaker=who) for number, who in enumerate(spoken)]
    found = {name: [one.id for one in group] for name, group in by_speaker(utterances).items()}
    assert list(found.items()) == [("ada", ["2", "6"]), ("ben", ["0", "3", "7"]), ("cleo", ["5"])]
    assert list(by_speaker(utterances, at_least=2)) == ["ada", "ben"]
    assert list(by_speaker(utterances, at_least=3)) == ["ben"]
