"""Encoding and decoding of whole recordings, in the windows of one shape of `vqaudio.codec.streaming`."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vqaudio.codec.streaming import encode_window, rows_at_once
from vqaudio.nn.conv import fixed_windows
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.nn.pitch import PitchTrack
from vqaudio.quantizers.interface import Quantizer


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
    """Split a batch into parts of `rows_at_once`, the last one filled up with silence."""
    num_rows = rows_at_once(audio.device)
    return F.pad(audio, (0, 0, 0, 0, 0, -audio.shape[0] % num_rows)).split(num_rows)


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


def decode_windows(
    decoder: Any,
    vectors: Tensor,
    embeddings: Tensor | None = None,
    pitch: PitchTrack | None = None,
    *,
    window_frames: int,
) -> Tensor:
    """Decode latents `b d t` in windows in a row; after the last frame the decoder gets zero vectors.

    embeddings: `b e` or None.  pitch: of the same frames, or None.  Returns audio `b 1 t*hop`, in time.
    """
    delay, num_frames = decoder.lookahead_frames, vectors.shape[-1]
    sound = []
    for at, row in enumerate(vectors.split(1)):
        state, parts = decoder.zero_state(1), []
        speaker = None if embeddings is None else embeddings[at : at + 1]
        for number, window in enumerate(fixed_windows(F.pad(row, (0, delay)), window_frames)):
            frames = slice(number * window_frames, (number + 1) * window_frames)
            given = () if pitch is None else (PitchTrack(*(values[at : at + 1, frames] for values in pitch)),)
            audio, state = decoder.step(window, state, speaker, *given)
            parts.append(audio)
        sound.append(torch.cat(parts, dim=-1))
    whole = torch.cat(sound)
    hop = parts[0].shape[-1] // window_frames
    return whole[..., delay * hop : (delay + num_frames) * hop]
