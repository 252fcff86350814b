"""Several streams in one batch of fixed shape: what stands beside a stream cannot touch it."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from vqaudio.codec.lanes import Lanes
from vqaudio.codec.streaming import (
    StreamingDecoder,
    StreamingEncoder,
    decode_rows,
    encode_rows,
    join_states,
    row_of_state,
)

NUM_LANES = 4


@pytest.fixture(scope="module")
def streams() -> list[np.ndarray]:
    """Six signals of one to four windows, none a multiple of another."""
    generator = np.random.default_rng(3)
    lengths = [40_000, 33_333, 100, 66_001, 90_123, 64_000]
    return [(0.1 * generator.standard_normal(length)).astype(np.float32) for length in lengths]


def codes_through(lanes, codec, streams, order, num_threads):
    """The codes of the streams, each in a thread, started in this order."""

    def encode(at):
        with torch.inference_mode():
            encoder = StreamingEncoder(codec, None, lanes.run)
            return at, np.concatenate([encoder.push(streams[at]), encoder.finish()], axis=1)

    with ThreadPoolExecutor(num_threads) as pool:
        return [codes for _, codes in sorted(pool.map(encode, order), key=lambda pair: pair[0])]


def lanes_of(codec):
    return Lanes(partial(encode_rows, codec, num_rows=NUM_LANES), NUM_LANES)


@pytest.mark.parametrize(("order", "num_threads"), [((5, 4, 3, 2, 1, 0), 6), ((2, 0, 5, 1, 4, 3), 3), (range(6), 6)])
def test_codes_do_not_depend_on_neighbours_order_or_lane(codec, streams, order, num_threads):
    alone = codes_through(lanes_of(codec), codec, streams, range(6), 1)
    together = codes_through(lanes_of(codec), codec, streams, order, num_threads)
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))
    assert [codes.shape[1] for codes in alone] == [codec.grid.num_frames(len(samples)) for samples in streams]


def test_states_that_stay_with_their_lane_would_be_noticed(codec, streams):
    """The wrong variant: the state of whoever had the lane before."""
    kept = [codec.encoder.zero_state(1)] * NUM_LANES

    def careless(rows):
        results = encode_rows(codec, [(audio, kept[at]) for at, (audio, _) in enumerate(rows)], num_rows=NUM_LANES)
        kept[: len(rows)] = [state for _, state in results]
        return results

    right = codes_through(lanes_of(codec), codec, streams, range(6), 1)
    wrong = codes_through(Lanes(careless, NUM_LANES), codec, streams, range(6), 1)
    assert any(not np.array_equal(one, other) for one, other in zip(right, wrong, strict=True))


def test_sound_does_not_depend_on_neighbours_or_lane(codec, streams):
    codes = codes_through(lanes_of(codec), codec, streams, range(6), 1)
    lanes = Lanes(partial(decode_rows, codec, num_rows=NUM_LANES), NUM_LANES)

    def decode(at, decode_window):
        with torch.inference_mode():
            decoder = StreamingDecoder(codec, decode=decode_window)
            return np.concatenate([decoder.push(codes[at]), decoder.finish(len(streams[at]))])

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda at: decode(at, lanes.run), range(6)))
    for at, sound in enumerate(together):
        assert len(sound) == len(streams[at])
        assert np.abs(sound - decode(at, None)).max() < 1e-4


def test_every_batch_has_one_shape(codec, streams, monkeypatch):
    seen = set()
    step = codec.encoder.step

    def watched(audio, state):
        seen.add(tuple(audio.shape))
        return step(audio, state)

    monkeypatch.setattr(codec.encoder, "step", watched)
    codes_through(lanes_of(codec), codec, streams, range(6), 5)
    assert seen == {(NUM_LANES, 1, codec.window_samples)}


def test_a_state_comes_back_from_its_row_of_the_batch(codec):
    generator = torch.Generator().manual_seed(0)

    def random_like(state):
        if isinstance(state, torch.Tensor):
            return torch.randn(state.shape, generator=generator)
        return None if state is None else tuple(random_like(part) for part in state)

    states = [random_like(codec.encoder.zero_state(1)) for _ in range(3)]
    joined = join_states(states)
    for at, state in enumerate(states):
        for one, other in zip(flat(state), flat(row_of_state(joined, at)), strict=True):
            assert torch.equal(one, other)


def flat(state) -> list[torch.Tensor]:
    if isinstance(state, torch.Tensor):
        return [state]
    return [] if state is None else [tensor for part in state for tensor in flat(part)]


def test_batches_are_shared_and_everyone_gets_his_own_result():
    everyone_waits, sizes = threading.Barrier(8), []

    def square(numbers: Sequence[int]) -> list[int]:
        sizes.append(len(numbers))
        if len(sizes) == 1:
            everyone_waits.wait(60)  # all others are on their way
        return [number**2 for number in numbers]

    lanes = Lanes(square, NUM_LANES)

    def work(number: int) -> int:
        if number > 0:
            everyone_waits.wait(60)
        return lanes.run(number)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [number**2 for number in range(8)]
    assert sum(sizes) == 8
    assert max(sizes) <= NUM_LANES


def test_work_that_fails_costs_nobody_else():
    everyone_waits, sizes = threading.Barrier(8), []

    def invert(numbers: Sequence[float]) -> list[float]:
        sizes.append(len(numbers))
        if len(sizes) == 1:
            everyone_waits.wait(60)  # all others are on their way, and share what comes next
            time.sleep(0.2)
        return [1 / number for number in numbers]

    lanes = Lanes(invert, NUM_LANES)

    def work(at: int) -> float | str:
        if at > 0:
            everyone_waits.wait(60)
        try:
            return lanes.run([1, 2, 0, 4, 5, 0, 8, 10][at])
        except ZeroDivisionError:
            return "failed"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(8)))
    assert found == [1, 0.5, "failed", 0.25, 0.2, "failed", 0.125, 0.1]
    assert max(sizes) > 1
