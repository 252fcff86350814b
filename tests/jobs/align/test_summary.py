"""The summary of an alignment: labels that are words and phones, hours, failures of two kinds."""

from vqaudio.core.units import Interval
from vqaudio.jobs.align.run import AlignOutcome
from vqaudio.jobs.align.summary import MAX_WORDS, AlignSummary
from vqaudio.jobs.sources import Source

SOURCE = Source("a.wav", "/in/a.wav")


def labelled(*labels: str) -> list[Interval]:
    return [Interval(label, float(place), place + 1.0) for place, label in enumerate(labels)]


def test_pauses_and_noises_are_neither_words_nor_phones() -> None:
    summary = AlignSummary()
    tiers = {"words": labelled("", "the", "", "zqxx"), "phones": labelled("SIL", "DH", "AH0", "SIL", "+SPN+", "+NSN+")}
    for _ in range(2):
        summary.add(AlignOutcome(SOURCE, tiers, 1_800.0, ("clipped",)))
    assert (summary.num_files, summary.num_words, summary.num_phones, summary.audio_s) == (2, 4, 4, 3_600.0)
    assert summary.num_failures == 0
    assert summary.lines(36.0) == [
        "files     2 aligned, 0 failed",
        "audio     1.00 h in 36 s, 100 x real time",
        "labels    4 words, 4 phones",
        "warnings  2 x such as a.wav: clipped",
    ]


def test_words_without_a_pronunciation_are_a_failure_of_their_own() -> None:
    summary = AlignSummary(num_before=1_234)
    summary.add(AlignOutcome(SOURCE, reason="no sound"))
    summary.add(AlignOutcome(SOURCE, reason="not in the dictionary: x, y", unknown_words=("x", "y")))
    summary.add(AlignOutcome(SOURCE, reason="not in the dictionary: y", unknown_words=("y",)))
    assert (summary.num_files, summary.num_unknown, summary.num_failures) == (0, 2, 3)
    lines = summary.lines(1.0)
    assert lines[0] == "files     0 aligned, 3 failed, 1,234 were there already"
    assert lines[3:] == [
        "failed    2 x for words without a pronunciation: y (2), x (1)",
        "failed    1 x such as a.wav: no sound",
    ]


def test_so_many_words_are_named_and_no_more() -> None:
    for num_words in (MAX_WORDS, MAX_WORDS + 1):
        summary = AlignSummary()
        summary.add(AlignOutcome(SOURCE, reason="", unknown_words=tuple(f"w{word}" for word in range(num_words))))
        (line,) = summary.lines(1.0)[3:]
        assert line.count("(1)") == MAX_WORDS
        assert line.endswith(", ...") == (num_words > MAX_WORDS)
