"""Codes, phones and speakers of many utterances: the headline figures, their split, their gate and their controls."""

import time

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval
from vqaudio.probes.frames import (
    LabelledFrames,
    LabelledUtterance,
    LabelSet,
    frame_phones,
    is_named,
    label_boundaries_s,
    split_at,
    split_by_speaker,
)
from vqaudio.probes.headline import code_controls, count_frames, gate, lag_pnmi, measure_headline

GRID = FrameGrid(16_000, 320)


def spoken(seed: int, num_phones: int, names: tuple[str, ...]) -> list[Interval]:
    """Phones of 60 to 140 ms, none the same as the one before."""
    generator = np.random.default_rng(seed)
    steps = 1 + generator.integers(0, len(names) - 1, num_phones)
    ends_s = np.cumsum(generator.uniform(0.06, 0.14, num_phones))
    starts_s = np.concatenate([[0], ends_s[:-1]])
    return [
        Interval(names[number], float(start), float(end))
        for number, start, end in zip(np.cumsum(steps) % len(names), starts_s, ends_s, strict=True)
    ]


def corpus(num_utterances: int = 12, num_phones: int = 200) -> LabelledFrames:
    """Six speakers; the codes are the phones."""
    labels = LabelSet((*"abcdefgh", "sil"), frozenset(["sil"]))
    utterances = []
    for number in range(num_utterances):
        intervals = spoken(number, num_phones, labels.names)
        num_frames = int(intervals[-1].end_s * GRID.frame_rate_hz)
        phones = frame_phones(intervals, labels.numbers, GRID, num_frames)
        edges_s = label_boundaries_s(intervals, num_frames / GRID.frame_rate_hz)
        utterances.append(LabelledUtterance(f"{number}.wav", f"speaker{number % 6}", phones, phones, edges_s))
    return LabelledFrames.join(utterances, num_codes=9, labels=labels, frame_rate_hz=GRID.frame_rate_hz)


def test_codes_equal_to_phones_score_one_everywhere() -> None:
    frames = corpus()
    found = measure_headline("codes", frames, split_by_speaker(frames.speakers))
    assert found.information.pnmi == pytest.approx(1)
    assert found.information.phone_purity == found.mapping.accuracy == found.mapping_speech.accuracy == 1
    assert found.boundaries.r_value == pytest.approx(1)
    assert found.mapping_speech.num_frames < found.mapping.num_frames == frames.num_labelled


def test_new_names_for_codes_change_no_headline() -> None:
    frames = corpus()
    noisy = np.where(np.random.default_rng(0).random(len(frames.codes)) < 0.3, 0, frames.codes)
    names = np.random.default_rng(1).permutation(9)
    split = split_by_speaker(frames.speakers)
    before = measure_headline("codes", frames.with_codes(noisy), split)
    after = measure_headline("codes", frames.with_codes(names[noisy]), split)
    assert vars(after.information) == pytest.approx(vars(before.information))
    assert (after.mapping, after.mapping_speech, after.boundaries) == (
        before.mapping,
        before.mapping_speech,
        before.boundaries,
    )


def test_controls_keep_the_distribution_and_lose_the_phones() -> None:
    frames = corpus()
    split = split_by_speaker(frames.speakers)
    for name, control in code_controls(frames):
        assert np.abs(np.bincount(control.codes, minlength=9) - np.bincount(frames.codes, minlength=9)).max() < 300
        found = measure_headline(name, control, split)
        assert found.information.pnmi < 0.01
        assert found.mapping.accuracy < 0.2
        assert found.boundaries.r_value < 0.2


def test_the_gate_follows_the_frames_for_each_code() -> None:
    counts = count_frames(corpus())
    sparse = np.zeros((1000, 9), dtype=np.int64)
    sparse[:9] = counts
    assert not gate(counts).is_refused
    assert gate(sparse).is_refused
    assert gate(sparse).is_biased
    assert gate(sparse * 50).is_biased
    assert not gate(sparse * 50).is_refused
    assert not gate(sparse * 500).is_biased


def test_codes_that_come_late_are_found_out() -> None:
    frames = corpus()
    late = np.concatenate([np.roll(codes, 2) for codes in frames.codes_by_utterance()])
    found = lag_pnmi(frames.with_codes(late))
    assert max(found, key=lambda lag: found[lag]) == 2
    assert found[2] == pytest.approx(1)
    assert found[0] < found[1] < 0.9


def test_chance_stands_for_random_codes() -> None:
    generator = np.random.default_rng(0)
    frames = corpus()
    random = frames.with_codes(generator.integers(0, 500, len(frames.codes)), num_codes=500)
    found = measure_headline("random", random, split_by_speaker(frames.speakers))
    assert gate(count_frames(random)).chance_pnmi == pytest.approx(found.information.pnmi, rel=0.05)


def test_the_label_of_a_frame_is_the_label_at_its_centre() -> None:
    intervals = [
        Interval("a", 0.0, 0.03),
        Interval("b", 0.03, 0.049),
        Interval("?", 0.049, 0.08),
        Interval("a", 0.1, 9),
    ]
    phones = frame_phones(intervals, {"a": 0, "b": 1}, GRID, 7)  # centres at 10, 30, 50, 70, 90, 110, 130 ms
    assert phones.tolist() == [0, 1, -1, -1, -1, 0, 0]


def test_a_label_that_ends_at_the_centre_of_a_frame_has_it_not_and_one_that_starts_there_has_it() -> None:
    intervals = [Interval("a", 0.125, 0.375), Interval("b", 0.625, 0.875)]
    phones = frame_phones(intervals, {"a": 0, "b": 1}, FrameGrid(16, 4), 4)  # centres at 1/8, 3/8, 5/8, 7/8 s
    assert phones.tolist() == [0, -1, 1, -1]


def test_boundaries_stand_where_labels_change_and_at_gaps() -> None:
    intervals = [Interval("a", 0.0, 0.1), Interval("a", 0.1, 0.2), Interval("b", 0.2, 0.3), Interval("b", 0.5, 0.6)]
    assert label_boundaries_s(intervals, 1.0).tolist() == [0.2, 0.3, 0.5, 0.6]
    assert label_boundaries_s(intervals, 0.6).tolist() == [0.2, 0.3, 0.5]


def test_utterances_do_not_run_into_each_other() -> None:
    """The last code of one and the first of the next differ: no boundary; an empty utterance is none either."""
    parts = [np.array([1, 1, 2]), np.array([], dtype=np.int64), np.array([0, 0])]
    utterances = [LabelledUtterance(str(i), "s", codes, codes, np.array([])) for i, codes in enumerate(parts)]
    frames = LabelledFrames.join(utterances, num_codes=3, labels=LabelSet(("a", "b", "c")), frame_rate_hz=50.0)
    assert frames.found_s().tolist() == [0.04]
    assert [codes.tolist() for codes in frames.codes_by_utterance()] == [[1, 1, 2], [], [0, 0]]


def test_codes_that_change_where_no_label_stands_are_not_counted() -> None:
    codes, phones = np.array([0, 1, 2, 3, 4, 5]), np.array([0, 0, -1, -1, -1, 0])
    frames = LabelledFrames.join(
        [LabelledUtterance("u", "s", codes, phones, np.array([]))],
        num_codes=6,
        labels=LabelSet(("a",)),
        frame_rate_hz=1.0,
    )
    assert frames.found_s().tolist() == [1, 2, 5]


def test_no_speaker_is_fitted_on_and_tested() -> None:
    speakers = [f"s{number % 7}" for number in range(40)]
    split = split_by_speaker(speakers, num_folds=3)
    for speaker in set(speakers):
        assert len({int(group) for group, name in zip(split.groups, speakers, strict=True) if name == speaker}) == 1
    assert set(split.groups.tolist()) == {0, 1, 2}
    assert split_by_speaker(["one"] * 4).kind == "4 folds over 4 utterances of one speaker"


def test_utterances_of_tested_speakers_are_never_fitted_on() -> None:
    ids, speakers = ["x/1.wav", "x/2.wav", "y/3.wav", "z/4.wav"], ["x", "x", "y", "z"]
    flags = is_named(ids, speakers, ["2", "z"])
    assert flags == [False, True, False, True]
    split = split_at(speakers, flags)
    assert split.groups.tolist() == [-1, 1, 0, 1]
    assert "1 of those left out" in split.kind
    with pytest.raises(VqaudioError, match="held-out list"):
        split_at(speakers, [True] * 4)


def test_a_million_frames_are_probed_in_seconds() -> None:
    generator = np.random.default_rng(0)
    phones = np.repeat(generator.integers(0, 40, 200_000), 5)
    edges_s = np.arange(5, 10_000, 5) / 50.0
    utterances = [
        LabelledUtterance(str(number), f"s{number % 10}", part, part, edges_s)
        for number, part in enumerate(np.split(phones, 100))
    ]
    labels = LabelSet(tuple(f"p{number}" for number in range(40)), frozenset(["p0"]))
    frames = LabelledFrames.join(utterances, num_codes=128, labels=labels, frame_rate_hz=50.0)
    codes = generator.integers(0, 128, 1_000_000)
    start_s = time.thread_time()
    measure_headline("codes", frames.with_codes(codes), split_by_speaker(frames.speakers))
    assert time.thread_time() - start_s < 10
