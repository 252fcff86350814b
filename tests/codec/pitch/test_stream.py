"""Pitch of a recording that comes in blocks."""

import numpy as np
import pytest
import torch

from vqaudio.audio.pitch_stream import BLOCK_S
from vqaudio.codec.pitch.coder import encode_pitch
from vqaudio.codec.pitch.stream import PitchEncoder
from vqaudio.core.units import FrameGrid

GRID, STEPS = FrameGrid(16_000, 320), 32
BLOCK = round(BLOCK_S * 16_000)


@pytest.mark.parametrize("num_samples", [0, 1, 319, 16_001, BLOCK, 2 * BLOCK + 77])
@pytest.mark.parametrize("size", [3_333, 400_000])
def test_pitch_in_blocks_is_that_of_the_whole_bit_for_bit(voice, num_samples: int, size: int) -> None:
    samples = voice(150 + 60 * np.sin(np.arange(num_samples) / 9_000)) * (np.arange(num_samples) // 9_500 % 3 > 0)
    samples = samples.astype(np.float32)
    encoder, block = PitchEncoder(GRID, STEPS), np.zeros(size, dtype=np.float32)
    for at in range(0, num_samples, size):
        part = block[: len(samples[at : at + size])]
        part[:] = samples[at : at + size]  # the memory of a block is used again for the next one
        encoder.push(part)
        assert sum(map(len, encoder._waiting)) < BLOCK
    found, wanted = encoder.finish(), encode_pitch(torch.from_numpy(samples)[None, None], GRID, STEPS)
    assert found.codes.tolist() == wanted.codes.tolist()
    assert found.median_hz.tolist() == wanted.median_hz.tolist()
    assert (num_samples < 16_000) or found.codes.any()
