"""Stretches of a file that meet are the file: no sample twice, none left out."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from vqaudio.audio.files import read_audio
from vqaudio.audio.samples import to_int16
from vqaudio.corpora.decoding import corpus_lengths, decode, decode_stretch
from vqaudio.corpora.interface import Utterance

NUM_SAMPLES = 24_001
RATES_HZ = (11_025, 16_000, 44_100)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Noise at each rate."""
    folder, random = tmp_path_factory.mktemp("sound"), np.random.default_rng(0)
    for rate_hz in RATES_HZ:
        soundfile.write(folder / f"{rate_hz}.wav", random.uniform(-0.5, 0.5, NUM_SAMPLES), rate_hz, subtype="PCM_16")
    return {rate_hz: folder / f"{rate_hz}.wav" for rate_hz in RATES_HZ}


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@given(marks=st.lists(st.floats(0.001, 0.5), min_size=1, max_size=6))
def test_utterances_that_meet_anywhere_are_the_file(files: dict[int, Path], rate_hz: int, marks: list[float]) -> None:
    """Alignments cut where they like, between samples too."""
    path, edges = files[rate_hz], [0.0, *np.cumsum(marks).tolist(), None]
    edges = [edge for edge in edges if edge is None or edge * rate_hz < NUM_SAMPLES - 1]
    utterances = [Utterance("", path, start, end) for start, end in pairwise(edges)]
    parts = [decode(utterance, rate_hz) for utterance in utterances]
    assert np.array_equal(np.concatenate(parts), to_int16(read_audio(path, rate_hz)))
    assert corpus_lengths(utterances, rate_hz, workers=1).tolist() == [len(part) for part in parts]


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("size", [160, 1_601, 7_000])
def test_crops_that_meet_are_the_file_at_another_rate_too(files: dict[int, Path], rate_hz: int, size: int) -> None:
    """Each is resampled by itself; so far as 16 bits can say, it is a slice of the whole."""
    whole = read_audio(files[rate_hz], 16_000)
    utterance = Utterance("", files[rate_hz])
    cut = np.concatenate([decode_stretch(utterance, 16_000, at, size) for at in range(0, len(whole), size)])
    assert np.abs(cut[: len(whole)] - whole).max() < 2**-15
    assert not cut[len(whole) :].any()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_an_utterance_marked_beyond_the_end_ends_with_its_file(files: dict[int, Path], rate_hz: int) -> None:
    utterance = Utterance("", files[rate_hz], 0.25, NUM_SAMPLES / rate_hz + 1)
    (length,) = corpus_lengths([utterance], 16_000, workers=1)
    assert length == len(decode(utterance, 16_000)) == len(read_audio(files[rate_hz], 16_000, 0.25))
