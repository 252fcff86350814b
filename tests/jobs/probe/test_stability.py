"""Codes of changed recordings, and vectors, with codecs small enough to know the answers."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from vqaudio.audio.degradations import DEGRADATIONS
from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.core.units import FrameGrid
from vqaudio.jobs.probe.mfcc_control import MfccCodes, mfcc_vectors
from vqaudio.jobs.probe.stability import choose_utterances, codec_encoder, stability_scores
from vqaudio.jobs.stamps import stamp_of
from vqaudio.tokens.runs import to_runs

GRID = FrameGrid(16_000, 320)


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Tones that last 100 ms each."""
    generator = np.random.default_rng(0)
    for name in ("a.wav", "b.wav"):
        pitches = generator.uniform(200, 2000, 10)
        times = np.arange(1600) / 16_000
        tones = [0.2 * np.sin(2 * np.pi * pitch * times) for pitch in pitches]
        soundfile.write(tmp_path / name, np.concatenate(tones), 16_000)
    return tmp_path


def signs(samples: np.ndarray) -> np.ndarray:
    """Zero crossings of each frame: knows nothing of the level."""
    whole = np.pad(samples, (0, -len(samples) % 320)).reshape(-1, 320)
    return (np.diff(np.signbit(whole).astype(int), axis=1) != 0).sum(axis=1)


def levels(samples: np.ndarray) -> np.ndarray:
    """The level of each frame in dB: knows nothing else."""
    whole = np.pad(samples, (0, -len(samples) % 320)).reshape(-1, 320)
    return np.round(20 * np.log10(np.sqrt((whole**2).mean(axis=1)) + 1e-6)).astype(int)


def test_a_coder_of_levels_flips_with_the_gain_and_one_of_crossings_does_not(recordings: Path) -> None:
    chosen = [one for one in DEGRADATIONS if one.name in ("gain -12 dB", "noise 5 dB", "speed 0.9")]
    scores = stability_scores(
        {"crossings": signs, "levels": levels}, ["a.wav", "b.wav"], recordings, GRID, degradations=chosen
    )
    assert scores["gain -12 dB"]["crossings"].flips == 0
    assert scores["gain -12 dB"]["levels"].flips > 0.9
    assert scores["noise 5 dB"]["crossings"].flips > 0.5
    assert np.isnan(scores["speed 0.9"]["crossings"].flips)
    assert scores["speed 0.9"]["levels"].num_utterances == 2


def test_a_degradation_is_the_same_whichever_others_are_measured(recordings: Path) -> None:
    noises = [one for one in DEGRADATIONS if one.name.startswith("noise")]
    assert len(noises) > 1

    def flips(chosen: list) -> dict[str, float]:
        scores = stability_scores({"levels": levels}, ["a.wav"], recordings, GRID, degradations=chosen)
        return {name: found["levels"].flips for name, found in scores.items()}

    together, backwards = flips(noises), flips(noises[::-1])
    assert together == backwards == {one.name: flips([one])[one.name] for one in noises}


class TwoBooks:
    """A codec whose second codebook is the level of a frame's first sample, the first one always 3."""

    name, weights_sha256, config_sha256 = "two", "ab" * 32, ""
    num_codebooks, codebook_size, grid = 2, 16, GRID

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Codes `b 2 t`."""
        levels = ((audio[..., ::320] + 1) * 8).long().clamp(0, 15)
        return torch.cat([torch.full_like(levels, 3), levels], dim=1)[:, :num_codebooks]

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """Nothing is decoded here."""
        raise NotImplementedError


def test_the_codes_that_are_compared_are_those_of_the_codebook_asked_for() -> None:
    samples = np.linspace(-1, 1, 3_200, dtype=np.float32)
    codec = TwoBooks()
    found = [codec_encoder(codec, stamp_of(codec), codebook)(samples).tolist() for codebook in (0, 1)]
    assert found == [[3] * 10, [int((sample + 1) * 8) for sample in samples[::320]]]


def test_chosen_utterances_are_spread_over_all() -> None:
    assert choose_utterances([str(number) for number in range(9)], 3) == ["0", "4", "8"]
    assert choose_utterances(["a", "b"], 10) == ["a", "b"]
    with pytest.raises(VqaudioError, match="at least one"):
        stability_scores({"levels": levels}, [], Path(), GRID)


@pytest.mark.parametrize("num_samples", [1, 319, 320, 321, 3200, 7777])
def test_mfcc_have_a_frame_for_each_of_the_codecs(num_samples: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, num_samples).astype(np.float32)
    vectors = mfcc_vectors(samples, GRID)
    assert vectors.shape == (GRID.num_frames(num_samples), 39)
    assert np.isfinite(vectors).all()


def test_mfcc_frames_lie_where_the_codecs_frames_lie() -> None:
    """A click at the centre of frame 7 is in frame 7 alone; one where frames 6 and 7 meet is in both alike."""
    for at, frames in ((7 * 320 + 160, [7]), (7 * 320, [6, 7])):
        samples = np.zeros(16 * 320, dtype=np.float32)
        samples[at] = 1.0
        levels = mfcc_vectors(samples, GRID)[:, 0]
        assert np.flatnonzero(levels > levels.min() + 1).tolist() == frames
        assert levels[frames[0]] == pytest.approx(levels[frames[-1]], rel=0.05)


def test_means_tell_frames_apart() -> None:
    clouds = np.repeat(np.eye(3, 39, dtype=np.float32), 100, axis=0)
    codes = MfccCodes.fit(clouds, 3, seed=1).nearest(clouds)
    assert [len(set(part.tolist())) for part in np.split(codes, 3)] == [1, 1, 1]
    with pytest.raises(VqaudioError, match="no frame"):
        MfccCodes.fit(clouds[:0], 3)


def test_vectors_of_a_codec_belong_to_its_codes(tmp_path: Path) -> None:
    from vqaudio.codec.build import build_codec
    from vqaudio.codec.config import CodecConfig, DecoderConfig
    from vqaudio.jobs.probe.vectors import codec_vectors
    from vqaudio.quantizers.ema import EmaConfig

    torch.manual_seed(0)
    codec = build_codec(
        CodecConfig(
            name="tiny",
            latent_width=8,
            window_frames=10,
            quantizer=EmaConfig(num_codebooks=2, codebook_size=16),
            decoder=DecoderConfig(width=16, hidden=16, lookahead_frames=2),
        )
    ).eval()
    samples = np.random.default_rng(0).normal(0, 0.1, 9999).astype(np.float32)
    expected = codec.encode(torch.from_numpy(samples)[None, None])[0].numpy()
    for codebook in (0, 1):
        found = codec_vectors(codec, samples, codebook)
        assert np.array_equal(found.codes, expected[codebook])
        assert found.encoder.shape == found.codebook.shape == (32, 8)
        of_code = {code: found.codebook[found.codes == code] for code in np.unique(found.codes)}
        assert all(np.abs(rows - rows[0]).max() < 1e-5 for rows in of_code.values())
        # The code is the nearest one: no other code's vector is nearer to what the encoder gave.
        table = np.stack([rows[0] for rows in of_code.values()])
        distances = ((found.encoder[:, None] - table) ** 2).sum(axis=-1)
        own = distances[np.arange(32), np.searchsorted(list(of_code), found.codes)]
        np.testing.assert_allclose(own, distances.min(axis=1), rtol=1e-4)


def test_the_codes_of_a_store_of_segments_are_compared_with_segments(make_voiced_codec) -> None:
    codec, samples = make_voiced_codec(), 0.1 * np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    frames = codec_encoder(codec, stamp_of(codec), 0)(samples)
    segments = codec_encoder(codec, stamp_of(codec, segments=SegmentSetting()), 0)(samples)
    assert len(segments) == len(frames)
    assert len(to_runs(segments)[0]) < len(to_runs(frames)[0])
