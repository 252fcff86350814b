"""Which frames a linear reader learns from and which it is tested on."""

from dataclasses import replace

import numpy as np

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe import linear
from vqaudio.jobs.probe.interface import CODES
from vqaudio.probes.counts import UNLABELLED
from vqaudio.probes.frames import split_at


def test_the_first_fold_is_tested_alone_and_with_its_neighbours(make_corpus, make_input, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(linear, "linear_probe", lambda *given: asked.append(given) or "score")
    given = replace(make_input(make_corpus([30, 40])), seed=7)
    assert linear.measure(given) == {f"{CODES}, 1 frame": "score", f"{CODES}, 11 frames": "score"}
    assert [(options.radius_frames, options.seed) for *_, options in asked] == [(0, 7), (5, 7)]
    flat, phones, starts, is_tested, _ = asked[0]
    assert np.array_equal(flat, given.corpus.frames.codes)
    assert np.array_equal(phones, given.corpus.frames.phones)
    assert starts.tolist() == [0, 30, 70]
    tested = (given.split.groups == (given.split.tested or (0,))[0]).tolist()
    assert is_tested.tolist() == [tested[0]] * 30 + [tested[1]] * 40
    assert sum(tested) == 1


def test_what_is_neither_fitted_nor_tested_has_no_label(make_corpus, make_input, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(linear, "linear_probe", lambda *given: asked.append(given) or "score")
    corpus = make_corpus([30, 40, 20])
    split = split_at(corpus.frames.speakers, [True, False, False])  # the third is by the speaker of the first
    linear.measure(replace(make_input(corpus), split=split))
    _, phones, _, is_tested, _ = asked[0]
    is_out = phones == UNLABELLED
    assert [bool(part.all()) for part in np.split(is_out, [30, 70])] == [False, False, True]
    assert not is_out[:70].any()
    assert is_tested.tolist() == [True] * 30 + [False] * 60


def test_why_it_cannot_be_is_a_note(make_corpus, make_input, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise VqaudioError("too few")

    monkeypatch.setattr(linear, "linear_probe", refuse)
    given = make_input(make_corpus([30, 40]))
    assert linear.measure(given) == {}
    assert given.notes == ["no linear probe of codes: too few"] * 2
