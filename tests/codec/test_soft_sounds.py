"""What the codec that ships does with sounds softer than speech: they come back as what they were, or as silence."""

import numpy as np
import pytest
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_codec


@pytest.fixture(scope="module")
def sentence(samples_dir):
    return read_audio(sorted(samples_dir.glob("ada/*.flac"))[0], 16_000)[:40_000]


@pytest.fixture(scope="module")
def codec():
    return open_codec("speech-16k")


def level_db(samples):
    return 20 * np.log10(np.sqrt(np.mean(np.square(samples))) + 1e-12)


def heard_again(codec, samples):
    audio = torch.from_numpy(samples.astype(np.float32))[None, None]
    with torch.inference_mode():
        return codec.decode(codec.encode(audio), length=len(samples))[0, 0].numpy()


@pytest.mark.parametrize("wanted_db", [-60, -78, -86, -94])
def test_soft_noise_keeps_its_level_and_has_no_spikes(codec, wanted_db):
    noise = np.random.default_rng(0).standard_normal(24_000) * 10 ** (wanted_db / 20)
    heard = heard_again(codec, noise)[8_000:]
    assert abs(level_db(heard) - wanted_db) < 5
    assert np.abs(heard).max() < 8 * np.sqrt(np.mean(np.square(heard)))


def test_silence_comes_back_as_silence(codec):
    assert np.abs(heard_again(codec, np.zeros(24_000))).max() < 10 ** (-80 / 20)


def test_silence_after_speech_is_silent(codec, sentence):
    padded = np.concatenate([sentence, np.zeros(24_000)])
    heard = heard_again(codec, padded)[len(sentence) :]
    assert level_db(heard[4_000:8_000]) < -70
    assert level_db(heard[12_000:]) < -85


def test_a_click_does_not_spoil_the_soft_speech_after_it(codec, sentence):
    """Its level is up for less than a second: from then on codes are as if it had not been."""
    soft = np.concatenate([np.zeros(8_000), sentence / np.sqrt(np.mean(np.square(sentence))) * 10 ** (-45 / 20)])
    clicked = soft.copy()
    clicked[6_000:6_080] = 0.99 * np.sign(np.sin(np.arange(80)))
    with torch.inference_mode():
        codes, others = (
            codec.encode(torch.from_numpy(each.astype(np.float32))[None, None])[0, 0] for each in (soft, clicked)
        )
    late = 25 + 50  # a second into the speech
    assert (codes[late:] == others[late:]).float().mean() > 0.9
