"""A tokenizer of another rate, as one of the rate at which all are compared."""

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from torch import Tensor

from vqaudio.core.protocols import AudioTokenizer


class ResampledTokenizer:
    """A tokenizer whose audio is resampled on its way in and out, a recording at a time; codes and grid are its own."""

    def __init__(self, codec: AudioTokenizer, sample_rate_hz: int) -> None:
        self.codec, self.grid, self.sample_rate_hz = codec, codec.grid, sample_rate_hz
        self.name, self.num_codebooks, self.codebook_size = codec.name, codec.num_codebooks, codec.codebook_size
        self.weights_sha256, self.config_sha256 = codec.weights_sha256, codec.config_sha256

    def encode(self, audio: Tensor, lengths: Tensor | None = None, num_codebooks: int | None = None) -> Tensor:
        """Encode audio `1 1 n` at the common rate to codes `1 k t`."""
        there = _resampled(audio, self.sample_rate_hz, self.grid.sample_rate_hz)
        return self.codec.encode(there, num_codebooks=num_codebooks)

    def decode(self, audio_codes: Tensor, length: int | None = None) -> Tensor:
        """Decode codes `1 k t` to audio `1 1 length` at the common rate."""
        sound = _resampled(self.codec.decode(audio_codes), self.grid.sample_rate_hz, self.sample_rate_hz)
        wanted = sound.shape[-1] if length is None else length
        return F.pad(sound, (0, max(0, wanted - sound.shape[-1])))[..., :wanted]


def _resampled(audio: Tensor, rate_hz: int, wanted_hz: int) -> Tensor:
    """Resample audio `1 1 n` by soxr."""
    samples = soxr.resample(audio[0, 0].cpu().numpy(), rate_hz, wanted_hz)
    return torch.from_numpy(np.ascontiguousarray(samples, dtype=np.float32)).to(audio.device)[None, None]
