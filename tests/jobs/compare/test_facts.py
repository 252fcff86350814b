"""Facts of tokenizers: lengths, batches, speeds; each beside a tokenizer that does it wrong."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from vqaudio.core.units import FrameGrid
from vqaudio.jobs.compare.facts import batch_changes, length_error, measure_speed
from vqaudio.jobs.compare.resampled import ResampledTokenizer

HOP = 80
RECORDINGS = [np.random.default_rng(n).standard_normal(900 + 333 * n).astype(np.float32) for n in range(3)]


def encode(audio, lengths=None, num_codebooks=None):
    frames = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % HOP)).unfold(-1, HOP, HOP)
    return (frames.sum(-1) > 0).long()


def decode(codes, length=None):
    sound = codes.repeat_interleave(HOP, dim=-1).float()
    return sound if length is None else sound[..., :length]


def tokenizer(**changes: Any) -> Any:
    """A codec of the sign of each frame."""
    facts = {"name": "sign", "num_codebooks": 1, "codebook_size": 2, "grid": FrameGrid(8_000, HOP)}
    facts |= {"weights_sha256": "", "config_sha256": "", "encode": encode, "decode": decode}
    return SimpleNamespace(**(facts | changes))


def test_exact_lengths_have_no_error_and_others_their_largest():
    assert length_error(tokenizer()) == 0
    assert length_error(tokenizer(decode=lambda codes, length: decode(codes))) == HOP - 7
    assert length_error(tokenizer(decode=lambda codes, length: decode(codes)[..., : length - 2])) == 2


def test_a_batch_that_changes_codes_is_noticed_and_its_share_counted():
    assert batch_changes(tokenizer(), RECORDINGS) == 0

    def louder_together(audio, lengths=None, num_codebooks=None):
        return encode(audio + (len(audio) > 1) * 100)

    share = batch_changes(tokenizer(encode=louder_together), RECORDINGS)
    alone = torch.cat([encode(torch.from_numpy(samples)[None, None])[0, 0] for samples in RECORDINGS])
    assert share == pytest.approx(float((alone == 0).float().mean()))


def test_speed_is_audio_over_the_time_of_each_half_and_the_first_call_does_not_count(monkeypatch):
    now_s = 0.0

    def spend(seconds, result):
        nonlocal now_s
        now_s += seconds
        return result

    monkeypatch.setattr("vqaudio.jobs.compare.facts.time.perf_counter", lambda: now_s)
    costs = iter([50.0, 1.0, 1.0, 1.0])
    slow = tokenizer(
        encode=lambda audio: spend(next(costs), encode(audio)), decode=lambda codes, length: spend(0.5, decode(codes))
    )
    seconds = sum(map(len, RECORDINGS)) / 8_000
    assert measure_speed(slow, RECORDINGS) == (pytest.approx(seconds / 3), pytest.approx(seconds / 1.5))


def test_a_tokenizer_of_another_rate_gives_the_sound_back_in_time_and_length():
    same = tokenizer(encode=lambda audio, num_codebooks=None: audio, decode=lambda codes: codes)
    tone = np.sin(2 * np.pi * 440 * np.arange(16_001) / 16_000).astype(np.float32)
    audio = torch.from_numpy(tone)[None, None]
    resampled = ResampledTokenizer(same, 16_000)
    codes = resampled.encode(audio)
    assert codes.shape[-1] == pytest.approx(8_000, abs=1)
    back = resampled.decode(codes, 16_001)[0, 0].numpy()
    assert back.shape == tone.shape
    assert np.abs(back - tone)[200:-200].max() < 0.01
