from functools import partial

import numpy as np
import pytest
import torch

from vqaudio.codec.lanes import Lanes
from vqaudio.codec.segments.encoder import SegmentEncoder, WholeSegmentEncoder, distance_rows, distances_of
from vqaudio.codec.units.tokenizer import open_units
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.tokens.runs import to_runs

SETTING = SegmentSetting(0.5, max_delay_frames=12)


def codes_in(encoder, samples: np.ndarray, size: int) -> list[int]:
    parts = [encoder.push(samples[at : at + size]) for at in range(0, len(samples), size)]
    return np.concatenate([*parts, encoder.finish()], axis=1)[0].tolist()


@pytest.fixture(params=["codec", "codec_ahead"])
def any_codec(request):
    return request.getfixturevalue(request.param)


def test_without_a_penalty_the_codes_are_those_of_the_first_codebook(any_codec, speech):
    encoder = SegmentEncoder(any_codec, SegmentSetting(0.0))
    codes = codes_in(encoder, speech[0, 0].numpy(), 16_000)
    assert np.mean(np.array(codes) == any_codec.encode(speech[:1], num_codebooks=1)[0, 0].numpy()) > 0.98  # near ties


def test_a_penalty_merges_frames(codec, speech):
    frames = codec.encode(speech[:1], num_codebooks=1)[0, 0].numpy()
    codes = np.array(codes_in(SegmentEncoder(codec, SETTING), speech[0, 0].numpy(), 16_000))
    assert len(codes) == len(frames)
    assert 1 < len(to_runs(codes)[0]) < len(to_runs(frames)[0])


@pytest.mark.parametrize("size", [1_000, 4_321])
@pytest.mark.parametrize("block_frames", [None, 1, 7])
def test_the_codes_of_a_stream_are_those_of_the_recording_however_it_is_cut(any_codec, speech, size, block_frames):
    samples = speech[1, 0].numpy()
    whole = codes_in(SegmentEncoder(any_codec, SETTING), samples, len(samples))
    assert codes_in(SegmentEncoder(any_codec, SETTING, block_frames=block_frames), samples, size) == whole


def test_a_code_comes_no_later_than_the_delay_that_the_setting_says(codec_ahead, speech):
    encoder, hop = SegmentEncoder(codec_ahead, SETTING, block_frames=1), codec_ahead.grid.hop_samples
    lookahead, num_codes = codec_ahead.encoder.lookahead_frames, 0
    for number, block in enumerate(speech[0, 0].numpy()[: 40 * hop].reshape(40, hop)):
        num_codes += encoder.push(block).shape[1]
        assert num_codes == max(0, number + 1 - lookahead - SETTING.max_delay_frames)


def test_streams_that_share_their_batches_have_the_codes_of_each_alone_but_for_ties(codec, speech):
    shared = Lanes(partial(distance_rows, codec, distances_of(codec), num_rows=3), 3)
    samples = speech[0, 0].numpy()
    together = codes_in(SegmentEncoder(codec, SETTING, shared.run), samples, 4_000)
    alone = codes_in(SegmentEncoder(codec, SETTING), samples, 4_000)
    assert np.mean(np.array(together) == alone) > 0.9


def test_units_of_a_speech_model_become_segments(speech_model, means_file):
    units = open_units(f"units:{speech_model},layer=2,kmeans={means_file}")
    samples = 0.1 * np.random.default_rng(3).standard_normal(12_345).astype(np.float32)
    frames = units.encode(torch.from_numpy(samples)[None, None])[0, 0].tolist()
    assert codes_in(WholeSegmentEncoder(units, SegmentSetting(0.0)), samples, 4_000) == frames
    merged = codes_in(WholeSegmentEncoder(units, SegmentSetting(3.0)), samples, 4_000)
    assert len(merged) == len(frames)
    assert len(to_runs(np.array(merged))[0]) < len(to_runs(np.array(frames))[0])
