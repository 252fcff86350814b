"""The control on MFCC: the same frames, means of the utterances that may be heard, and recordings of their length."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio.files import read_audio
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.probe import mfcc_control as module
from vqaudio.jobs.probe.mfcc_control import MfccCodes, mfcc_control, mfcc_vectors

GRID = FrameGrid(16_000, 320)


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for number, length in enumerate((30, 40)):
        size = 0.01 if number else 0.3
        soundfile.write(tmp_path / f"u{number}.wav", generator.normal(0, size, 320 * length), 16_000)
    return tmp_path


def test_means_are_of_the_utterances_that_may_be_heard(audio: Path, make_corpus, monkeypatch) -> None:
    frames, heard = make_corpus([30, 40]).frames, []
    fit = MfccCodes.fit
    monkeypatch.setattr(MfccCodes, "fit", lambda vectors, *how: heard.append((vectors, how)) or fit(vectors, *how))
    for is_fitted, parts in (([True, True], (0, 1)), ([False, True], (1,)), ([True, False], (0,))):
        control, means = mfcc_control(frames, audio, GRID, np.array(is_fitted), seed=5)
        sounds = [read_audio(audio / f"u{number}.wav", 16_000) for number in (0, 1)]
        np.testing.assert_allclose(heard[-1][0], np.concatenate([mfcc_vectors(sounds[part], GRID) for part in parts]))
        assert heard[-1][1] == (frames.num_codes, 5)
        assert np.array_equal(control.codes, np.concatenate([means.encode(sound, GRID) for sound in sounds]))
        assert np.array_equal(control.phones, frames.phones)
        assert control.num_codes == frames.num_codes


def test_a_recording_that_is_missing_or_of_another_length_is_named(audio: Path, make_corpus) -> None:
    with pytest.raises(VqaudioError, match=r"u1\.wav has 40 frames, its codes have 41"):
        mfcc_control(make_corpus([30, 41]).frames, audio, GRID, np.array([True, True]))
    (audio / "u1.wav").unlink()
    with pytest.raises(VqaudioError, match=r"there is no .*u1\.wav: --audio must be"):
        mfcc_control(make_corpus([30, 40]).frames, audio, GRID, np.array([True, True]))


def test_means_are_fitted_on_so_many_frames_drawn_by_the_seed(monkeypatch) -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 39)).astype(np.float32)
    whole = MfccCodes.fit(vectors, 3, seed=1).means
    assert np.array_equal(MfccCodes.fit(vectors, 3, seed=1).means, whole)
    monkeypatch.setattr(module, "MAX_FITTED_FRAMES", 60)
    assert np.array_equal(MfccCodes.fit(vectors, 3, seed=1).means, whole)
    monkeypatch.setattr(module, "MAX_FITTED_FRAMES", 3)
    few = MfccCodes.fit(vectors, 3, seed=1).means
    distances = np.abs(few[:, None] - vectors[None]).max(axis=-1).min(axis=1)
    assert (distances < 1e-6).all()  # each mean is one of three frames
    assert not np.array_equal(MfccCodes.fit(vectors, 3, seed=2).means, few)
