from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.segments.encoder import encode_segments
from vqaudio.core.errors import VqaudioError
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.jobs.stamps import stamp_of
from vqaudio.jobs.voice import sampling
from vqaudio.jobs.voice.sampling import Request, Samples, choose_voice, decode_samples, sample_speech
from vqaudio.prior.config import NetworkConfig
from vqaudio.prior.language import CodeLanguage
from vqaudio.prior.model import Prior
from vqaudio.prior.sampling import SamplingOptions


@pytest.fixture(scope="module")
def codec(make_voiced_codec) -> Codec:
    """It has a reference encoder, and knows `ada` by name."""
    return make_voiced_codec(known=("ada",))


@pytest.fixture(scope="module")
def prior(codec) -> Prior:
    torch.manual_seed(0)
    shape = NetworkConfig(width=16, num_layers=1, num_heads=2, hidden=24, context_tokens=32)
    return Prior(shape, CodeLanguage(stamp_of(codec), speakers=("ada", "bruno"))).eval()


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    soundfile.write(tmp_path / "prompt.wav", 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000)
    return tmp_path / "prompt.wav"


def heard(codec: Codec, path: Path) -> torch.Tensor:
    return codec.embed(torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None, None])


def test_a_continued_prompt_keeps_its_voice(prior, codec, prompt) -> None:
    samples = sample_speech(prior, codec, Request(1, 0.6, prompt))
    torch.testing.assert_close(samples.embedding, heard(codec, prompt))
    codes = torch.from_numpy(samples.codes[0])[None]
    own, typical = codec.decode(codes, embeddings=heard(codec, prompt))[0, 0], codec.decode(codes)[0, 0]
    (sound,) = decode_samples(codec, samples)
    np.testing.assert_allclose(sound, own.numpy(), atol=1e-6)
    assert np.abs(sound - typical.numpy()).max() > 1e-3


def test_a_speaker_by_name_goes_before_the_prompts_voice(prior, codec, prompt) -> None:
    assert codec.known_speakers is not None
    voice = choose_voice(prior, codec, Request(prompt=prompt, speaker="ada"))
    torch.testing.assert_close(voice, codec.known_speakers.embeddings)


def test_whom_only_the_prior_knows_speaks_in_the_prompts_voice_or_the_codecs_own(prior, codec, prompt) -> None:
    torch.testing.assert_close(
        choose_voice(prior, codec, Request(prompt=prompt, speaker="bruno")), heard(codec, prompt)
    )
    assert choose_voice(prior, codec, Request(speaker="bruno")) is None


def test_a_recording_lends_its_voice(prior, codec, prompt) -> None:
    torch.testing.assert_close(choose_voice(prior, codec, Request(speaker=str(prompt))), heard(codec, prompt))


def test_who_is_known_to_neither_is_refused(prior, codec) -> None:
    with pytest.raises(VqaudioError, match="nobody"):
        choose_voice(prior, codec, Request(speaker="nobody"))
    with pytest.raises(VqaudioError, match="more than 0 seconds"):
        Request(seconds=0)


def test_a_request_is_of_one_sample_or_more_and_of_some_seconds() -> None:
    assert Request(1, 0.001).num_utterances == 1
    for num_utterances, seconds in ((0, 1.0), (1, -1.0), (1, float("nan"))):
        with pytest.raises(VqaudioError, match="wanted 1 sample or more"):
            Request(num_utterances, seconds)


def test_new_speech_has_the_seconds_asked_for_after_the_prompt(prior, codec, prompt, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(sampling, "sample_codes", lambda *args, **options: asked.append((args, options)) or [])
    options = SamplingOptions(temperature=0.7)
    rate_hz, hop = codec.grid.sample_rate_hz, codec.grid.hop_samples
    for seconds, least_s in ((4.0, 0.5), (0.1, 0.1)):
        for path in (None, prompt):
            samples = sample_speech(prior, codec, Request(3, seconds, path, "bruno", 5, options))
            assert samples.prompt_frames == (0 if path is None else -(-16_000 // hop))
            (_, num_utterances, lengths, passed), more = asked.pop()
            assert (num_utterances, passed, more["speaker"], more["seed"]) == (3, options, "bruno", 5)
            frames = [-(-round(time_s * rate_hz) // hop) + samples.prompt_frames for time_s in (least_s, seconds)]
            assert [lengths.min_frames, lengths.max_frames] == frames


def test_a_speaker_whom_only_the_codec_knows_has_no_token(prior, codec, prompt, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr(sampling, "sample_codes", lambda *args, **options: asked.append(options) or [])
    sample_speech(prior, codec, Request(speaker=str(prompt)))
    assert asked[0]["speaker"] is None


def test_another_codecs_prior_and_a_prompt_without_sound_are_refused(prior, codec, tmp_path) -> None:
    other = CodeLanguage(replace(stamp_of(codec), weights_sha256="0" * 64))
    with pytest.raises(VqaudioError, match="use the codec that made them"):
        sample_speech(Prior(prior.config, other).eval(), codec, Request(1, 0.6))
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16_000)
    with pytest.raises(VqaudioError, match=r"empty\.wav: holds no samples"):
        sample_speech(prior, codec, Request(1, 0.6, tmp_path / "empty.wav"))


def test_a_prior_of_segments_continues_the_segments_of_a_prompt(codec, prompt) -> None:
    setting = SegmentSetting(1.0)
    shape = NetworkConfig(width=16, num_layers=1, num_heads=2, hidden=24, context_tokens=32)
    torch.manual_seed(0)
    prior = Prior(shape, CodeLanguage(stamp_of(codec, segments=setting))).eval()
    samples = sample_speech(prior, codec, Request(1, 0.6, prompt))
    heard_codes = encode_segments(codec, read_audio(prompt), setting)
    assert samples.codes[0][:, : samples.prompt_frames].tolist() == heard_codes.tolist()
    (sound,) = decode_samples(codec, samples)
    assert len(sound) == samples.codes[0].shape[1] * codec.grid.hop_samples


def test_a_codec_that_takes_pitch_speaks_with_what_it_predicts(make_voiced_codec) -> None:
    codec = make_voiced_codec(pitch_steps=8)
    torch.nn.init.normal_(codec.decoder.pitch.embedding.weight)
    voice, drawn = torch.randn(1, 4), np.random.default_rng(0).integers(0, 16, (1, 40))
    samples = Samples([drawn], 0, voice, 0.0)
    codes = torch.from_numpy(drawn)[None]
    wanted = codec.decode(codes, embeddings=voice, pitch=codec.predict_pitch(codes, embeddings=voice))[0, 0].numpy()
    (sound,) = decode_samples(codec, samples)
    np.testing.assert_array_equal(sound, wanted)
    assert np.abs(sound - codec.decode(codes, embeddings=voice)[0, 0].numpy()).max() > 1e-4
