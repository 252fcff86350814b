"""Sampling of speech from a prior: codes sampled from nothing or after a spoken prompt, and their sound."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.segments.encoder import encode_segments
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.stamps import stamp_of
from vqaudio.jobs.voice.conversion import find_voice
from vqaudio.prior.checkpoint import CheckpointPrior
from vqaudio.prior.language import CodeLanguage, Tokens
from vqaudio.prior.model import Prior
from vqaudio.prior.sampling import Lengths, SamplingOptions, sample_codes

LEAST_S = 0.5  # of new speech: an end before that is not accepted


@dataclass(frozen=True)
class Request:
    """A request for samples.

    prompt: a recording that every sample continues.  seconds: of new speech, at most.
    speaker: whose token the prior reads, and whose voice the decoder takes, as far as they know the speaker; for a
    codec with a reference encoder also a recording of any other one.
    """

    num_utterances: int = 8
    seconds: float = 10.0
    prompt: Path | None = None
    speaker: str | None = None
    seed: int = 0
    options: SamplingOptions = field(default_factory=SamplingOptions)

    def __post_init__(self) -> None:
        if self.num_utterances < 1 or not self.seconds > 0:
            raise VqaudioError(
                f"wanted 1 sample or more of more than 0 seconds, got {self.num_utterances} of {self.seconds}"
            )


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of a request.

    codes: `k t` of each sample, which begin with prompt_frames of the prompt.  wall_s: what sampling took.

    embedding: `1 e`, the voice to decode in, or None for the codec's own.
    """

    codes: list[Tokens]
    prompt_frames: int
    embedding: torch.Tensor | None
    wall_s: float


def sample_speech(prior: Prior | CheckpointPrior, codec: Codec, request: Request) -> Samples:
    """Sample the codes of new speech.

    Raises VqaudioError if the codec is not the one whose codes the prior has learned, or if neither of them knows the
    speaker who is asked for.
    """
    language, grid = prior.language, codec.grid
    language.stamp.require_same(stamp_of(codec))
    embedding = choose_voice(prior, codec, request)
    prompt = _prompt_codes(codec, request.prompt, language)
    num_prompt = 0 if prompt is None else prompt.shape[1]
    lengths = Lengths(
        num_prompt + grid.num_frames(round(min(LEAST_S, request.seconds) * grid.sample_rate_hz)),
        num_prompt + grid.num_frames(round(request.seconds * grid.sample_rate_hz)),
    )
    speaker = request.speaker if request.speaker in language.speakers else None
    start_s = time.monotonic()
    codes = sample_codes(
        prior, request.num_utterances, lengths, request.options, prompt=prompt, speaker=speaker, seed=request.seed
    )
    return Samples(codes, num_prompt, embedding, time.monotonic() - start_s)


def choose_voice(prior: Prior | CheckpointPrior, codec: Codec, request: Request) -> torch.Tensor | None:
    """Choose the speaker embedding `1 e` to decode with: the speaker's, else the prompt's, where the decoder takes one.

    Raises VqaudioError for a speaker whom neither the prior nor the codec knows.
    """
    speaker = request.speaker
    if speaker is not None and speaker not in prior.language.speakers:
        if codec.decoder.conditioning is None:
            raise VqaudioError(
                f"the prior knows {len(prior.language.speakers)} speakers, {speaker!r} is none of them, and "
                f"{codec.name} was trained without speakers"
            )
        return find_voice(codec, speaker).embedding
    if speaker is not None and codec.known_speakers is not None and speaker in codec.known_speakers.names:
        return codec.known_speakers.find(speaker)
    if request.prompt is not None and codec.reference is not None:
        return find_voice(codec, f"{request.prompt.parent}/{request.prompt.name}").embedding
    return None


def decode_samples(codec: Codec, samples: Samples) -> Iterator[NDArray[np.float32]]:
    """Decode each sample to sound `n`, prompt included, in the voice of the prompt or the speaker if the codec can.

    A codec that takes pitch predicts it from codes and voice.
    """
    for codes in samples.codes:
        rows = torch.from_numpy(codes)[None].to(codec.device)
        with torch.inference_mode():
            voice = samples.embedding
            pitch = codec.predict_pitch(rows, embeddings=voice) if codec.pitch_steps else None
            sound = codec.decode(rows, embeddings=voice, pitch=pitch)
        yield sound[0, 0].cpu().numpy()


def _prompt_codes(codec: Codec, prompt: Path | None, language: CodeLanguage) -> Tokens | None:
    """Encode a recording to codes `k t`, as those are made that the prior has learned.

    Raises VqaudioError if it holds no sound.
    """
    if prompt is None:
        return None
    samples = read_audio(prompt, codec.grid.sample_rate_hz)
    if language.stamp.segments is not None:
        return encode_segments(codec, samples, language.stamp.segments)
    audio = torch.from_numpy(samples)[None, None].to(codec.device)
    with torch.inference_mode():
        return codec.encode(audio, num_codebooks=language.num_codebooks)[0].cpu().numpy()
