"""Items of ABX, and what cannot be measured."""

from dataclasses import replace

import numpy as np

from vqaudio.jobs.probe import abx
from vqaudio.jobs.probe.abx import abx_items


def test_items_are_phones_between_phones_in_the_order_of_the_utterances(make_corpus) -> None:
    corpus = make_corpus([60, 60])
    items = abx_items(corpus)
    assert [item.file for item in items] == sorted(item.file for item in items)
    assert {item.phone for item in items} <= {"AA", "S"}
    for item in items:
        labels = [one.label for one in corpus.intervals[item.file]]
        place = round(item.onset_s / 0.2)
        assert labels[place] == item.phone
        assert "SIL" not in labels[place - 1 : place + 2]
        assert 0 < place < len(labels) - 1


def test_every_kind_of_codes_is_measured_in_both_conditions_or_told_why_not(
    make_corpus, make_input, monkeypatch
) -> None:
    corpus = make_corpus([60, 60])
    # An aligner's label that begins in the last frame's rounding.
    late = [replace(corpus.intervals["u0.wav"][1], label="AA", start_s=at, end_s=at + 0.02) for at in (1.16, 1.18, 1.2)]
    corpus.intervals["u0.wav"].extend(late)
    asked = []

    def score(tokens, items, *, is_across):
        asked.append((len(tokens), is_across))
        assert all(len(token) > 0 for token in tokens)
        return "score"

    monkeypatch.setattr(abx, "abx_score", score)
    given = make_input(corpus)
    given = replace(
        given, codes={**given.codes, "others": corpus.frames.with_codes(np.zeros_like(corpus.frames.codes))}
    )
    assert abx.measure(given) == {
        f"{name}, {condition} speakers": "score" for name in given.codes for condition in ("within", "across")
    }
    assert [is_across for _, is_across in asked] == [False, True] * 2
    assert given.notes == []
    monkeypatch.undo()
    alone = make_input(make_corpus([12, 12]))
    assert abx.measure(alone) == {}
    assert ["within" in note for note in alone.notes] == [True, False]
    assert all(note.startswith("no ABX of codes") for note in alone.notes)
