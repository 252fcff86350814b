"""Streams and the memory they hold; their codes and sound stand in test_laws.py and test_live.py."""

import gc
import weakref

import numpy as np
import pytest

from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder


@pytest.mark.parametrize("end", [StreamingEncoder, StreamingDecoder])
def test_a_stream_that_nobody_holds_is_gone_at_once(make_voiced_codec, end):
    """What waits for the garbage collector makes the memory of a long run grow."""
    codec = make_voiced_codec(speaker_kind="table", num_speakers=2).eval()
    stream = end(codec) if end is StreamingEncoder else end(codec, speaker=0)
    stream.push(np.zeros(codec.window_samples, dtype=np.float32) if end is StreamingEncoder else np.zeros((1, 10), int))
    seen = weakref.ref(stream)
    gc.disable()
    try:
        del stream
        assert seen() is None
    finally:
        gc.enable()
