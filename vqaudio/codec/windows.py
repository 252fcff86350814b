"""Everything that turns sound into codes, and codes into sound, runs on one tensor shape.

A file is cut into windows of one length, each of which goes on from the state that the one before left behind.  So the
codes of a file are the same whatever it is batched with, in whatever blocks it comes (tests/codec/test_laws.py).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from vqaudio.nn.conv import State
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.quantizers.interface import Quantizer

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once


def real_part(audio: Tensor, lengths: Tensor | None) -> Tensor:
    """Silence audio `b 1 n` after each row's length."""
    if lengths is None:
        return audio
    return audio * (torch.arange(audio.shape[-1], device=audio.device) < lengths[:, None, None])


def real_frames(num_frames: int, lengths: Tensor | None, hop_samples: int) -> Tensor | None:
    """Mark the frames that have a real sample: `b t` bool.  lengths: `b` samples or None."""
    if lengths is None:
        return None
    return torch.arange(num_frames, device=lengths.device) < -(-lengths // hop_samples)[:, None]


def fixed_rows(audio: Tensor) -> tuple[Tensor, ...]:
    """Split a batch: one row at a time on a CPU, sixteen (filled up with silence) on an accelerator."""
    rows_at_once = 1 if audio.device.type == "cpu" else ACCELERATOR_ROWS
    return F.pad(audio, (0, 0, 0, 0, 0, -audio.shape[0] % rows_at_once)).split(rows_at_once)


def fixed_windows(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cut the last axis into windows of one size, the last one filled up with zeros."""
    return F.pad(x, (0, -x.shape[-1] % size)).split(size, dim=-1)


def encode_windows(
    encoder: Encoder, quantizer: Quantizer, audio: Tensor, *, window_frames: int, num_codebooks: int | None = None
) -> tuple[Tensor, Latents]:
    """Encode audio `b 1 n` in windows in a row, the state carried on.

    Returns codes `b k t` and latents `b d t`, in time, with t = ceil(n / hop).
    """
    codes, vectors, offsets, delay = [], [], [], encoder.lookahead_frames
    for row in fixed_rows(F.pad(audio, (0, delay * encoder.hop))):
        state, parts = encoder.zero_state(row.shape[0]), []
        for window in fixed_windows(row, window_frames * encoder.hop):
            *part, state = encode_window(encoder, quantizer, window, state, num_codebooks)
            parts.append(part)
        codes.append(torch.cat([window_codes for window_codes, _ in parts], dim=-1))
        latents = join_latents([window_latents for _, window_latents in parts])
        vectors.append(latents.vectors)
        offsets += [] if latents.level_offset is None else [latents.level_offset]
    num_rows, num_frames = audio.shape[0], -(-audio.shape[-1] // encoder.hop)
    cut = slice(num_rows), slice(None), slice(delay, delay + num_frames)
    return torch.cat(codes)[cut], Latents(torch.cat(vectors)[cut], torch.cat(offsets)[cut] if offsets else None)


def join_latents(parts: Sequence[Latents]) -> Latents:
    """Join latents `b d t` of windows in a row."""
    vectors = torch.cat([part.vectors for part in parts], dim=-1)
    offsets = [part.level_offset for part in parts if part.level_offset is not None]
    return Latents(vectors, torch.cat(offsets, dim=-1) if offsets else None)


def encode_window(
    encoder: Encoder, quantizer: Quantizer, audio: Tensor, state: State, num_codebooks: int | None = None
) -> tuple[Tensor, Latents, State]:
    """Encode one window `b 1 window_samples`.

    Returns codes `b k t` and latents, late by the encoder's lookahead, and the state for the next window.
    """
    latents, state = encoder.step(audio, state)
    offset = None if latents.level_offset is None else rearrange(latents.level_offset, "b d t -> b t d")
    codes = quantizer.encode(rearrange(latents.vectors, "b d t -> b t d"), num_codebooks, offset)
    return rearrange(codes, "b t k -> b k t"), latents, state


def decode_windows(
    quantizer: Quantizer, decoder: Any, audio_codes: Tensor, embeddings: Tensor | None, *, window_frames: int
) -> Tensor:
    """Decode audio_codes `b k t`.  embeddings: `b e` or None.  Returns audio `b 1 t*hop`, in time."""
    delay, num_frames = decoder.lookahead_frames, audio_codes.shape[-1]
    sound = []
    for at, row in enumerate(audio_codes.split(1)):
        state, parts = decoder.zero_state(1), []
        speaker = None if embeddings is None else embeddings[at : at + 1]
        for start, window in enumerate(fixed_windows(F.pad(row, (0, delay)), window_frames)):
            num_real = num_frames - start * window_frames
            audio, state = decode_window(quantizer, decoder, window, num_real, state, speaker)
            parts.append(audio)
        sound.append(torch.cat(parts, dim=-1))
    whole = torch.cat(sound)
    hop = parts[0].shape[-1] // window_frames
    return whole[..., delay * hop : (delay + num_frames) * hop]


def decode_window(
    quantizer: Quantizer,
    decoder: Any,
    audio_codes: Tensor,
    num_real: int,
    state: State,
    embeddings: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Decode one window of codes `b k window_frames`: num_real frames, then silence for the lookahead.

    Returns audio `b 1 window_samples`, late by the decoder's lookahead, and the state for the next window.
    """
    is_real = torch.arange(audio_codes.shape[-1], device=audio_codes.device) < num_real
    return decoder.step(decode_latents(quantizer, audio_codes) * is_real, state, embeddings)


def decode_latents(quantizer: Quantizer, audio_codes: Tensor) -> Tensor:
    """Look up what the decoder reads, `b d t`, for audio_codes `b k t`."""
    return rearrange(quantizer.decode(rearrange(audio_codes, "b k t -> b t k")), "b t d -> b d t")
