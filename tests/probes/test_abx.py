"""ABX and its .item files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid, Interval
from vqaudio.probes.abx import abx_score, item_frames, pair_distances
from vqaudio.probes.items import Item, items_of, read_items, write_items

GRID = FrameGrid(16_000, 320)


def spoken_items(num_items: int = 600, num_phones: int = 4, num_speakers: int = 3) -> list[Item]:
    """Tokens of 40 to 160 ms in two contexts."""
    generator = np.random.default_rng(0)
    ends_s = generator.uniform(0.04, 0.16, num_items)
    return [
        Item("f", 0.0, float(end), f"p{phone}", f"q{context}", "r", f"s{speaker}")
        for end, phone, context, speaker in zip(
            ends_s,
            generator.integers(0, num_phones, num_items),
            generator.integers(0, 2, num_items),
            generator.integers(0, num_speakers, num_items),
            strict=True,
        )
    ]


def warped(one: np.ndarray, other: np.ndarray) -> float:
    """Cell by cell, with the path traced back: the plain form."""
    costs = (one[:, None] != other).astype(float)
    best, steps = np.full(costs.shape, np.inf), np.zeros(costs.shape, dtype=int)
    for i in range(len(one)):
        for j in range(len(other)):
            if i == j == 0:
                best[i, j], steps[i, j] = costs[i, j], 1
                continue
            before = [(best[a, b], steps[a, b]) for a, b in ((i - 1, j - 1), (i, j - 1), (i - 1, j)) if min(a, b) >= 0]
            cost, length = min(before, key=lambda pair: pair[0])
            best[i, j], steps[i, j] = cost + costs[i, j], length + 1
    return best[-1, -1] / steps[-1, -1]


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=7), min_size=2, max_size=6))
def test_many_pairs_at_once_warp_as_one_by_one(sequences: list[list[int]]) -> None:
    tokens = [np.array(one) for one in sequences]
    firsts, seconds = (side.ravel() for side in np.meshgrid(range(len(tokens)), range(len(tokens))))
    found = pair_distances(tokens, firsts, seconds)
    assert found == pytest.approx([warped(tokens[i], tokens[j]) for i, j in zip(firsts, seconds, strict=True)])


def test_vectors_are_compared_by_their_angle() -> None:
    tokens = [np.array([[1.0, 0.0]]), np.array([[0.0, 5.0]]), np.array([[2.0, 0.0], [-1.0, 0.0]])]
    assert pair_distances(tokens, np.array([0, 0]), np.array([1, 2])) == pytest.approx([0.5, 0.5], abs=1e-3)


@pytest.mark.parametrize("is_across", [False, True])
def test_random_features_leave_chance_and_phones_leave_nothing(is_across: bool) -> None:
    generator = np.random.default_rng(1)
    items = spoken_items()
    lengths = [len(item_frames(np.zeros(100), item, GRID)) for item in items]
    random = [generator.normal(size=(length, 8)) for length in lengths]
    one_hot = [np.eye(4)[[int(item.phone[1])] * length] for item, length in zip(items, lengths, strict=True)]
    codes = [np.full(length, int(item.phone[1])) for item, length in zip(items, lengths, strict=True)]
    assert abx_score(random, items, is_across=is_across).error == pytest.approx(0.5, abs=0.01)
    for known in (one_hot, codes):
        assert abx_score(known, items, is_across=is_across).error < 0.005


def test_features_of_the_speaker_alone_fail_only_across() -> None:
    """Speaker features plus a little phone: within a speaker the phone decides, across speakers nothing does."""
    items = spoken_items(300)
    speakers = {"s0": (9.0, 0.0), "s1": (0.0, 9.0), "s2": (-9.0, 0.0)}
    tokens = [np.array([[*speakers[item.speaker], float(item.phone[1])]] * 3) for item in items]
    assert abx_score(tokens, items, is_across=False).error < 0.005
    codes = [np.array([int(item.phone[1]) + 4 * int(item.speaker[1])] * 3) for item in items]
    assert abx_score(codes, items, is_across=False).error < 0.005
    assert abx_score(codes, items, is_across=True).error == pytest.approx(0.5, abs=0.005)


def test_every_speaker_weighs_the_same_in_however_many_contexts_he_speaks() -> None:
    """One is right in three contexts, the other mostly wrong in one: half of that error, not a quarter."""
    right = [("a", 0), ("a", 0), ("b", 1), ("b", 1)]
    wrong = [("a", 0), ("a", 1), ("b", 0), ("b", 1)]  # A is another code than X; B is half of them X's
    spoken = [("s0", context, *one) for context in "xyz" for one in right] + [("s1", "x", *one) for one in wrong]
    items = [Item("f", 0.0, 0.1, phone, context, "r", speaker) for speaker, context, phone, _ in spoken]
    score = abx_score([np.array([code]) for *_, code in spoken], items, is_across=False)
    alone = abx_score([np.array([code]) for *_, code in spoken[12:]], items[12:], is_across=False)
    assert (score.num_phone_pairs, score.num_cells, alone.error) == (2, 8, 0.75)
    assert score.error == pytest.approx((0.0 + alone.error) / 2)


def test_no_triple_is_an_error() -> None:
    items = [Item("f", 0, 0.1, "a", "x", "y", "s"), Item("f", 0, 0.1, "b", "x", "z", "s")]
    for is_across, condition in ((False, "within"), (True, "across")):
        with pytest.raises(VqaudioError, match=f"ABX {condition} speakers finds no triple"):
            abx_score([np.zeros(2, dtype=int)] * 2, items, is_across=is_across)


def test_frames_of_an_item_have_their_centres_in_it() -> None:
    values = np.arange(20)
    assert item_frames(values, Item("f", 0.031, 0.089, "a", "b", "c", "s"), GRID).tolist() == [2, 3]
    for onset_s, offset_s, frames in ((0.03, 0.09, [1, 2, 3, 4]), (0.07, 0.23, list(range(3, 12)))):  # on the centres
        assert item_frames(values, Item("f", onset_s, offset_s, "a", "b", "c", "s"), GRID).tolist() == frames
    assert item_frames(values, Item("f", 0.031, 0.032, "a", "b", "c", "s"), GRID).tolist() == [1]
    for onset_s in (0.39, 0.5):
        with pytest.raises(VqaudioError, match="20 frames"):
            item_frames(values, Item("f", onset_s + 0.001, onset_s + 0.1, "a", "b", "c", "s"), GRID)
    assert item_frames(values, Item("f", 0.38, 0.9, "a", "b", "c", "s"), GRID).tolist() == [19]


def test_silence_and_gaps_are_no_context() -> None:
    labels = ["sil", "a", "b", "c", "d", "sil"]
    spans = [Interval(label, number / 10, (number + 1) / 10) for number, label in enumerate(labels)]
    assert [item.phone for item in items_of("f", "s", spans, ["sil"])] == ["b", "c"]
    apart = [*spans[:3], *(Interval(one.label, one.start_s + 1, one.end_s + 1) for one in spans[3:])]
    assert [item.phone for item in items_of("f", "s", apart, ["sil"])] == []


def test_item_files_are_read_as_they_were_written(tmp_path: Path) -> None:
    items = [Item("a/b", 0.05, 0.125, "AA", "B", "K", "s1"), Item("c", 1.0, 1.0301, "ʃ", "ø", "n", "s2")]
    write_items(tmp_path / "x.item", items)
    assert read_items(tmp_path / "x.item") == items
    assert (tmp_path / "x.item").read_text(encoding="utf-8").startswith("#file onset offset #phone prev-phone")


BROKEN = ["a 0.1 0.2 p q r", "a x 0.2 p q r s", "a 0.2 0.1 p q r s", "a 0.2 0.2 p q r s", "a -0.1 0.2 p q r s"]


@pytest.mark.parametrize("line", BROKEN)
def test_broken_item_files_name_their_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "x.item").write_text(f"#file\n{line}\n")
    with pytest.raises(VqaudioError, match="line 2"):
        read_items(tmp_path / "x.item")


def test_names_with_blanks_are_not_written(tmp_path: Path) -> None:
    for names in (("a b", "p", "q", "r", "s"), ("a", "", "q", "r", "s"), ("a", "p", "q", "r", "s\t")):
        file, phone, previous, following, speaker = names
        with pytest.raises(VqaudioError, match="blank"):
            write_items(tmp_path / "x.item", [Item(file, 0, 1, phone, previous, following, speaker)])


def tokens_of(items: list[Item]) -> list[np.ndarray]:
    return [np.array([ord(item.phone)]) for item in items]


@pytest.mark.parametrize(
    ("num_items", "num_triples"), [(7, 7 * 6 * 2 + 2 * 7), (8, 8 * 7 * 2 + 2 * 8), (30, 8 * 7 * 2 + 2 * 8)]
)
def test_of_one_phone_and_context_eight_items_are_taken_and_x_is_never_a(num_items: int, num_triples: int) -> None:
    items = [Item("f", 0, 1, phone, "x", "y", "s") for phone in "a" * num_items + "bb"]
    score = abx_score(tokens_of(items), items, is_across=False)
    assert (score.num_triples, score.num_cells, score.num_phone_pairs, score.error) == (num_triples, 2, 2, 0.0)


@pytest.mark.parametrize(("num_speakers", "num_cells"), [(2, 4), (6, 60), (9, 90)])
def test_across_speakers_x_is_spoken_by_five_others_at_most(num_speakers: int, num_cells: int) -> None:
    items = [Item("f", 0, 1, phone, "x", "y", f"s{number}") for number in range(num_speakers) for phone in "ab"]
    assert abx_score(tokens_of(items), items, is_across=True).num_cells == num_cells


def test_phones_are_compared_in_one_context_on_both_sides() -> None:
    items = [Item("f", 0, 1, phone, "x", following, "s") for phone, following in (("a", "y"), ("a", "y"), ("b", "z"))]
    with pytest.raises(VqaudioError, match="no triple"):
        abx_score(tokens_of(items), items, is_across=False)


def test_silent_vectors_have_a_distance_and_tokens_without_frames_have_none() -> None:
    still = [np.zeros((2, 3)), np.ones((1, 3)), np.zeros((1, 3))]
    assert np.isfinite(pair_distances(still, np.array([0, 0]), np.array([1, 2]))).all()
    with pytest.raises(VqaudioError, match="one frame or more"):
        pair_distances([np.zeros(0, dtype=int), np.zeros(1, dtype=int)], np.array([0]), np.array([1]))


def test_a_gap_is_longer_than_a_millisecond() -> None:
    for gap_s, phones in ((0.0005, ["b"]), (0.002, [])):
        for late in (1, 2):
            spans = [
                Interval(one, n / 10 + gap_s * (n >= late), (n + 1) / 10 + gap_s * (n >= late))
                for n, one in enumerate("abc")
            ]
            assert [item.phone for item in items_of("f", "s", spans)] == phones


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_silence_before_in_or_after_a_phone_leaves_it_out(silent: int) -> None:
    labels = ["sil" if number == silent else one for number, one in enumerate("abc")]
    spans = [Interval(label, number / 10, (number + 1) / 10) for number, label in enumerate(labels)]
    assert items_of("f", "s", spans, ["sil"]) == []


def test_blank_lines_and_comments_are_no_items_and_an_item_may_begin_at_once(tmp_path: Path) -> None:
    (tmp_path / "x.item").write_text("#file\n\n  \na 0 0.5 p q r s\n# more\n")
    assert read_items(tmp_path / "x.item") == [Item("a", 0.0, 0.5, "p", "q", "r", "s")]
    (tmp_path / "y.item").write_bytes(b"caf\xe9 0 1 p q r s\n")
    with pytest.raises(VqaudioError, match=r"y.item cannot be read"):
        read_items(tmp_path / "y.item")
