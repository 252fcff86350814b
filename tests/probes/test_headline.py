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
    assert label_boundaries_s(intervals, 0.6005).tolist() == [0.2, 0.3, 0.5]  # a boundary at the very end is none
    near = [Interval("a", 0.0005, 0.1), Interval("b", 0.1005, 0.2), Interval("b", 0.202, 0.3)]
    assert label_boundaries_s(near, 1.0).tolist() == [0.1005, 0.2, 0.202, 0.3]  # aligners round: no gap, a gap
    assert label_boundaries_s([], 1.0).tolist() == []


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
    assert split_by_speaker(speakers).kind == "5 folds over 7 speakers"
    assert split_by_speaker(["a", "b", "a"]).num_groups == 2
    assert split.tested is None
    others = [split_by_speaker(speakers, num_folds=3, seed=seed).groups.tolist() for seed in range(6)]
    assert len(set(map(tuple, others))) > 1
    for names, num_folds in ((["one"], 5), ([], 5), (["a", "b"], 1)):
        with pytest.raises(VqaudioError, match="2 or more utterances and folds"):
            split_by_speaker(names, num_folds)


def test_utterances_of_tested_speakers_are_never_fitted_on() -> None:
    ids, speakers = ["x/1.wav", "x/2.wav", "y/3.wav", "z/4.wav"], ["x", "x", "y", "z"]
    flags = is_named(ids, speakers, ["2", "z"])
    assert flags == [False, True, False, True]
    for name in ("x/2.wav", "2.wav", "2", "lists/2.wav"):
        assert is_named(ids, speakers, [name]) == [False, True, False, False]
    assert is_named(["a/1.b.wav", ".odd"], ["s", "t"], ["1.b"]) == [True, False]
    assert is_named(["a/1.b.wav", ".odd"], ["s", "t"], ["1", ".odd"]) == [False, True]
    split = split_at(speakers, flags)
    assert split.groups.tolist() == [-1, 1, 0, 1]
    assert "1 of those left out" in split.kind
    assert (split.is_fixed, split.tested, split.num_groups) == (True, (1,), 2)
    for nobody in ([True] * 4, [False] * 4):
        with pytest.raises(VqaudioError, match="held-out list"):
            split_at(speakers, nobody)


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


def test_frames_that_are_no_pairs_are_refused() -> None:
    labels, codes = LabelSet(("a",)), np.zeros(3, dtype=np.int64)
    with pytest.raises(VqaudioError, match="no utterance has both"):
        LabelledFrames.join([], num_codes=1, labels=labels, frame_rate_hz=50.0)
    odd = LabelledUtterance("odd.wav", "s", codes, codes[:2], np.array([]))
    with pytest.raises(VqaudioError, match=r"odd.wav has codes"):
        LabelledFrames.join([odd], num_codes=1, labels=labels, frame_rate_hz=50.0)
    even = LabelledUtterance("even.wav", "s", codes, codes, np.array([]))
    frames = LabelledFrames.join([even], num_codes=1, labels=labels, frame_rate_hz=50.0)
    with pytest.raises(VqaudioError, match=r"wanted \(3,\) codes, got \(2,\)"):
        frames.with_codes(codes[:2])
    assert (frames.with_codes(codes).num_codes, frames.with_codes(codes, 7).num_codes) == (1, 7)
    assert frame_phones([], {"a": 0}, GRID, 2).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("num_frames", "is_refused", "is_biased"),
    [(199, True, True), (200, False, True), (1999, False, True), (2000, False, False)],
)
def test_the_gate_opens_at_a_hundred_and_at_a_thousand_frames_for_each_code(
    num_frames: int, is_refused: bool, is_biased: bool
) -> None:
    found = gate(np.array([[num_frames - 5, 5], [0, 0]]))
    assert (found.num_codes, found.is_refused, found.is_biased) == (2, is_refused, is_biased)
    assert np.isnan(gate(np.array([[5, 0]])).chance_pnmi)


def test_only_the_tested_speakers_of_a_fixed_split_are_scored() -> None:
    frames = corpus(4, 50)
    split = split_at(frames.speakers, [True, False, False, False])
    found = measure_headline("codes", frames, split)
    assert found.mapping.num_frames == int((frames.utterance_of_frame == 0).sum())
    assert found.mapping_speech.num_frames < found.mapping.num_frames


def test_controls_have_their_names_and_are_drawn_by_the_seed() -> None:
    frames = corpus(2, 50)
    assert [name for name, _ in code_controls(frames)] == ["shuffled codes", "random codes"]
    first, again, other = (code_controls(frames, seed) for seed in (0, 0, 1))
    for one, same, another in zip(first, again, other, strict=True):
        assert np.array_equal(one[1].codes, same[1].codes)
        assert not np.array_equal(one[1].codes, another[1].codes)
    assert np.array_equal(np.sort(first[0][1].codes), np.sort(frames.codes))


def test_lags_reach_from_two_frames_before_to_three_after_within_an_utterance() -> None:
    labels = LabelSet(("a", "b"))
    codes = [np.array([0, 1]), np.array([1, 0])]
    utterances = [LabelledUtterance(str(n), "s", one, one, np.array([])) for n, one in enumerate(codes)]
    found = lag_pnmi(LabelledFrames.join(utterances, num_codes=2, labels=labels, frame_rate_hz=50.0))
    assert list(found) == [-2, -1, 0, 1, 2, 3]
    assert (found[0], found[1], found[-1]) == pytest.approx((1, 1, 1))  # the other code of its own utterance
    assert all(np.isnan(found[lag]) for lag in (-2, 2, 3))
