"""Whole runs through lanes give what runs without them give."""

from pathlib import Path

import numpy as np
import pytest

from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.jobs.codec_streams import decoders_of, tokenizer_of
from vqaudio.jobs.decoding import sound_of
from vqaudio.jobs.sources import find_sources
from vqaudio.jobs.tokenize.local import LocalRun
from vqaudio.jobs.tokenize.readers import InlineReader
from vqaudio.tokens.schema import TokenRow


@pytest.fixture(scope="module")
def codec() -> Codec:
    return open_codec("speech-16k")


def codes_of(
    recordings: Path, codec: Codec, num_lanes: int, segments: SegmentSetting | None = None
) -> dict[str, np.ndarray]:
    tokenizer, num_threads = tokenizer_of(codec, num_lanes=num_lanes, segments=segments)
    readers = [InlineReader(0.5), InlineReader(0.07)]
    run = LocalRun(find_sources(recordings), tokenizer, readers, num_threads=num_threads, num_in_flight=12)
    return {outcome.source.id: outcome.codes for outcome in run.outcomes() if outcome.codes is not None}


def test_a_run_in_lanes_has_the_codes_of_a_run_without(recordings, codec, bounded):
    alone = bounded(lambda: codes_of(recordings, codec, 1))
    together = bounded(lambda: codes_of(recordings, codec, 3))
    assert alone.keys() == together.keys()
    num_different = sum(int((alone[name] != together[name]).sum()) for name in alone)
    assert num_different <= 2  # near ties: the shape of the batch is another one


def test_segments_in_lanes_are_those_of_a_run_without(recordings, codec, bounded):
    setting = SegmentSetting(2.0)
    alone = bounded(lambda: codes_of(recordings, codec, 1, setting))
    together = bounded(lambda: codes_of(recordings, codec, 3, setting))
    assert {name: codes.shape[0] for name, codes in alone.items()} == dict.fromkeys(together, 1)
    num_different = sum(int((alone[name] != together[name]).sum()) for name in alone)
    assert num_different <= 4  # near ties: the shape of the batch is another one


def test_sound_decoded_in_lanes_is_that_decoded_alone(recordings, codec, bounded):
    for name, codes in list(bounded(lambda: codes_of(recordings, codec, 1)).items())[:2]:
        row = TokenRow(name, codes, codes.shape[1] * 320, 16_000, codes.shape[1] / 50, None, None)
        one, other = (
            np.concatenate(list(sound_of(row, decoders_of(codec, num_lanes=num_lanes)[0](0.0)))) for num_lanes in (1, 3)
        )
        assert np.abs(one - other).max() < 1e-3 * np.abs(one).max()
