import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.audio.resampling import in_blocks, mean_channel, num_resampled, resampled

NOISE = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 16_000), (8_000, 16_000), (192_000, 16_000), (16_000, 16_000)])
@given(cuts=st.lists(st.integers(0, 20_000), max_size=8))
def test_where_the_input_is_cut_does_not_matter(from_hz, to_hz, cuts):
    whole = np.concatenate(list(resampled([NOISE], from_hz, to_hz)))
    parts = np.split(NOISE, sorted(cuts))
    assert np.array_equal(np.concatenate(list(resampled(parts, from_hz, to_hz))), whole)


@given(num_samples=st.integers(1, 3_000), from_hz=st.integers(1_000, 400_000), to_hz=st.sampled_from([8_000, 16_000]))
def test_the_length_is_the_exact_one_rounded_half_up(num_samples, from_hz, to_hz):
    total = sum(len(part) for part in resampled([NOISE[:num_samples]], from_hz, to_hz))
    assert total == num_resampled(num_samples, from_hz, to_hz)
    assert total == 1 or abs(total - num_samples * to_hz / from_hz) <= 0.5


@given(cuts=st.lists(st.integers(0, 20_000), max_size=8), block=st.integers(1, 25_000))
def test_blocks_have_one_length_but_for_the_last(cuts, block):
    blocks = list(in_blocks(np.split(NOISE, sorted(cuts)), block))
    assert np.array_equal(np.concatenate(blocks), NOISE)
    assert {len(one) for one in blocks[:-1]} <= {block}
    assert 1 <= len(blocks[-1]) <= block


def test_of_nothing_there_is_nothing():
    for parts in ([], [NOISE[:0]]):
        assert sum(map(len, resampled(parts, 44_100, 16_000))) == 0
    assert list(in_blocks([], 5)) == []


@pytest.mark.parametrize("num_channels", [1, 2, 5])
def test_the_mean_of_channels_leaves_them_as_they_were(num_channels):
    block = NOISE.reshape(-1, 5)[:, :num_channels].copy()
    before, mean = block.copy(), mean_channel(block)
    np.testing.assert_allclose(mean, before.mean(axis=1), rtol=1e-5, atol=1e-6)
    mean += 1
    assert np.array_equal(block, before)


@pytest.mark.parametrize(("from_hz", "to_hz"), [(44_100, 16_000), (48_000, 16_000), (16_000, 48_000)])
def test_what_the_lower_rate_can_hold_passes_and_what_it_cannot_is_gone(from_hz, to_hz):
    edge_hz = min(from_hz, to_hz) / 2
    for share, level in ((0.1, 1.0), (0.9, 1.0), (1.1, 0.0)):
        if share > 1 and to_hz > from_hz:
            continue
        tone = np.sin(2 * np.pi * share * edge_hz * np.arange(from_hz) / from_hz).astype(np.float32)
        heard = np.concatenate(list(resampled([tone], from_hz, to_hz)))
        middle = heard[to_hz // 4 : -to_hz // 4]
        assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(level, abs=1e-3)


def test_a_block_comes_as_soon_as_it_is_full():
    asked = []

    def parts():
        for number in range(4):
            asked.append(number)
            yield NOISE[5 * number : 5 * number + 5]

    blocks = in_blocks(parts(), 5)
    for number in range(4):
        assert np.array_equal(next(blocks), NOISE[5 * number : 5 * number + 5])
        assert asked == list(range(number + 1))
