"""Encoding and decoding in windows of one shape, each of which goes on from the state that the one before left behind.

A file's codes are then the same whatever it is batched with, in whatever blocks it comes (tests/codec/test_laws.py).
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from vqaudio.core.protocols import NeuralCodec
from vqaudio.nn.conv import State, fixed_windows
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.quantizers.interface import Quantizer

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once

EncoderRow = tuple[Tensor, State]  # audio `1 1 window_samples`
DecoderRow = tuple[Tensor, int, State, Tensor | None]  # codes `1 k window_frames`, real frames, embeddings `1 e`


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


def rows_at_once(device: torch.device) -> int:
    """Return how many rows are encoded as one batch: one on a CPU, sixteen on an accelerator."""
    return 1 if device.type == "cpu" else ACCELERATOR_ROWS


def encode_rows(
    codec: NeuralCodec, rows: Sequence[EncoderRow], num_codebooks: int | None = None, *, num_rows: int
) -> list[tuple[Tensor, State]]:
    """Encode windows of several streams, each with its state, as one batch of num_rows, filled up with silence.

    Returns the codes `1 k t` and the next state of each.
    """
    audio = F.pad(torch.cat([row for row, _ in rows]), (0, 0, 0, 0, 0, num_rows - len(rows)))
    states = [state for _, state in rows] + [codec.encoder.zero_state(1)] * (num_rows - len(rows))
    codes, _, state = encode_window(codec.encoder, codec.quantizer, audio, join_states(states), num_codebooks)
    return [(codes[at : at + 1], row_of_state(state, at)) for at in range(len(rows))]


def decode_rows(codec: NeuralCodec, rows: Sequence[DecoderRow], *, num_rows: int) -> list[tuple[Tensor, State]]:
    """Decode windows of several streams, each with its state, as one batch of num_rows, filled up with the first one.

    Returns the audio `1 1 window_samples` and the next state of each.
    """
    filled = [*rows, *[rows[0]] * (num_rows - len(rows))]
    codes, num_real, states, embeddings = zip(*filled, strict=True)
    given = [embedding for embedding in embeddings if embedding is not None]
    ends = torch.tensor(num_real, device=codes[0].device)
    speakers = torch.cat(given) if given else None
    audio, state = decode_window(codec.quantizer, codec.decoder, torch.cat(codes), ends, join_states(states), speakers)
    return [(audio[at : at + 1], row_of_state(state, at)) for at in range(len(rows))]


def join_states(states: Sequence[State]) -> State:
    """Join states of streaming layers, one row each, along the batch."""
    first = states[0]
    if len(states) == 1 or first is None:
        return first
    if isinstance(first, Tensor):
        return torch.cat(list(states))
    return tuple(join_states(parts) for parts in zip(*states, strict=True))


def row_of_state(state: State, row: int) -> State:
    """Take one row `1 ...` of a joined state, in memory of its own where there are others."""
    if isinstance(state, Tensor):
        return state if len(state) == 1 else state[row : row + 1].clone()
    return None if state is None else tuple(row_of_state(part, row) for part in state)


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


def decode_windows(decoder: Any, vectors: Tensor, embeddings: Tensor | None = None, *, window_frames: int) -> Tensor:
    """Decode latents `b d t` in windows in a row; after the last frame the decoder gets zero vectors.

    embeddings: `b e` or None.  Returns audio `b 1 t*hop`, in time.
    """
    delay, num_frames = decoder.lookahead_frames, vectors.shape[-1]
    sound = []
    for at, row in enumerate(vectors.split(1)):
        state, parts = decoder.zero_state(1), []
        speaker = None if embeddings is None else embeddings[at : at + 1]
        for window in fixed_windows(F.pad(row, (0, delay)), window_frames):
            audio, state = decoder.step(window, state, speaker)
            parts.append(audio)
        sound.append(torch.cat(parts, dim=-1))
    whole = torch.cat(sound)
    hop = parts[0].shape[-1] // window_frames
    return whole[..., delay * hop : (delay + num_frames) * hop]


def decode_window(
    quantizer: Quantizer,
    decoder: Any,
    audio_codes: Tensor,
    num_real: Tensor,
    state: State,
    embeddings: Tensor | None = None,
) -> tuple[Tensor, State]:
    """Decode one window of codes `b k window_frames`: num_real `b` frames, then silence for the lookahead.

    Returns audio `b 1 window_samples`, late by the decoder's lookahead, and the state for the next window.
    """
    is_real = torch.arange(audio_codes.shape[-1], device=audio_codes.device) < num_real[:, None]
    return decoder.step(decode_latents(quantizer, audio_codes) * is_real[:, None], state, embeddings)


def decode_latents(quantizer: Quantizer, audio_codes: Tensor) -> Tensor:
    """Look up the quantized latents `b d t` of audio_codes `b k t`."""
    return rearrange(quantizer.decode(rearrange(audio_codes, "b k t -> b t k")), "b t d -> b d t")
