import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.quantizers.segments.viterbi import Segmenter, segment_codes
from vqaudio.tokens.runs import to_runs

EXACT = SegmentSetting(1.0, max_delay_frames=None)


def wandering(num_frames: int, num_codes: int = 5, seed: int = 0) -> np.ndarray:
    """Distances `t v` of vectors that wander between codes on a line."""
    generator = np.random.default_rng(seed)
    places = np.cumsum(generator.normal(0, 0.4, num_frames)) % num_codes
    return (places[:, None] - np.arange(num_codes)) ** 2 + generator.random((num_frames, num_codes)) * 0.1


def peaks_by_definition(distances: np.ndarray, softness: float) -> np.ndarray:
    """Before which frames `t` the soft assignment changes more than before the last and no less than the next one."""
    shares = np.exp(-distances / softness)
    roots = np.sqrt(shares / shares.sum(axis=1, keepdims=True))
    padded = np.pad(roots, ((3, 2), (0, 0)), mode="edge")
    sums = padded[1:] + padded[:-1]
    changes = ((sums[:-2] - sums[2:]) ** 2).sum(axis=1)  # before the frames -1 ... t
    return (changes[1:-1] > changes[:-2]) & (changes[1:-1] >= changes[2:])


def cost_of(codes, distances: np.ndarray, setting: SegmentSetting) -> float:
    factors = np.where(peaks_by_definition(distances, setting.softness), 1.0, setting.off_peak)
    is_begin = np.diff(codes) != 0
    return distances[np.arange(len(codes)), codes].sum() + setting.penalty * factors[1:][is_begin].sum()


@pytest.mark.parametrize("off_peak", [1.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_no_other_codes_cost_less(seed, off_peak):
    distances = np.random.default_rng(seed).random((7, 3)) * 2
    setting = replace(EXACT, penalty=0.4, off_peak=off_peak)
    least = min(cost_of(codes, distances, setting) for codes in itertools.product(range(3), repeat=7))
    assert cost_of(segment_codes(distances, setting), distances, setting) == pytest.approx(least)


def test_peaks_matter():
    distances = wandering(60)
    assert (segment_codes(distances, EXACT) != segment_codes(distances, replace(EXACT, off_peak=1.0))).any()


@pytest.mark.parametrize("delay", [None, 2, 9])
def test_without_a_penalty_every_frame_has_its_nearest_code(delay):
    distances = wandering(50)
    setting = SegmentSetting(0.0, max_delay_frames=delay)
    assert segment_codes(distances, setting).tolist() == distances.argmin(axis=1).tolist()


def test_an_endless_penalty_makes_one_segment_of_the_code_that_is_nearest_in_sum():
    distances = wandering(50)
    codes = segment_codes(distances, replace(EXACT, penalty=float("inf")))
    assert set(codes.tolist()) == {int(distances.sum(axis=0).argmin())}


def test_a_higher_penalty_never_makes_more_segments():
    distances = wandering(300)
    setting = replace(EXACT, off_peak=1.0)
    counts = [
        len(to_runs(segment_codes(distances, replace(setting, penalty=penalty)))[0]) for penalty in (0, 0.1, 0.3, 1, 3)
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[2] > counts[4]


@given(st.integers(1, 40), st.lists(st.integers(0, 12)), st.sampled_from([2, 3, 6, 50, None]))
def test_the_codes_do_not_depend_on_the_portions_and_none_comes_too_late(num_frames, cuts, delay):
    distances, setting = wandering(num_frames), replace(EXACT, max_delay_frames=delay)
    segmenter, codes, at = Segmenter(setting), list[int](), 0
    for size in [*cuts, num_frames]:
        codes += segmenter.push(distances[at : at + size]).tolist()
        at = min(num_frames, at + size)
        assert len(codes) == (0 if delay is None else max(0, at - delay))
    codes += segmenter.finish().tolist()
    assert codes == segment_codes(distances, setting).tolist()
    assert len(codes) == num_frames


def test_what_is_decided_late_enough_is_what_the_whole_recording_would_say():
    distances = wandering(300)
    exact = segment_codes(distances, EXACT).tolist()
    assert segment_codes(distances, replace(EXACT, max_delay_frames=50)).tolist() == exact
    assert segment_codes(distances, replace(EXACT, max_delay_frames=2)).tolist() != exact


def test_no_frames_have_no_codes():
    assert segment_codes(np.zeros((0, 5))).tolist() == []


@pytest.mark.parametrize("wrong", [np.zeros(5), np.zeros((1, 2, 3)), np.full((2, 3), np.nan)])
def test_what_is_no_distances_is_refused(wrong):
    with pytest.raises(VqaudioError, match="finite distances of shape"):
        segment_codes(wrong)
