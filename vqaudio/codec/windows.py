"""Law 2: everything that turns sound into codes, and codes into sound, runs on one tensor shape."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from vqaudio.nn.conv import State
from vqaudio.nn.encoder import Latents

if TYPE_CHECKING:
    from vqaudio.codec.model import Codec

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once


def real_part(audio: Tensor, lengths: Tensor | None) -> Tensor:
    """Audio `b 1 n` with silence after each row's length."""
    if lengths is None:
        return audio
    return audio * (torch.arange(audio.shape[-1], device=audio.device) < lengths[:, None, None])


def real_frames(num_frames: int, lengths: Tensor | None, hop_samples: int) -> Tensor | None:
    """lengths: `b` samples or None.  Returns `b t`, true where a frame has a real sample."""
    if lengths is None:
        return None
    return torch.arange(num_frames, device=lengths.device) < -(-lengths // hop_samples)[:, None]


def fixed_rows(audio: Tensor) -> tuple[Tensor, ...]:
    """One row at a time on a CPU, sixteen (filled up with silence) on an accelerator: always one shape."""
    rows_at_once = 1 if audio.device.type == "cpu" else ACCELERATOR_ROWS
    return F.pad(audio, (0, 0, 0, 0, 0, -audio.shape[0] % rows_at_once)).split(rows_at_once)


def fixed_windows(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Cuts the last axis into windows of one size, the last one filled up with zeros."""
    return F.pad(x, (0, -x.shape[-1] % size)).split(size, dim=-1)


def encode_windows(codec: "Codec", audio: Tensor, num_codebooks: int | None) -> tuple[Tensor, Latents]:
    """audio: `b 1 n`.  Returns codes `b k t` and latents `b d t`, in time: windows in a row, the state carried on."""
    codes, vectors, late, delay = [], [], [], codec.encoder.lookahead_frames
    for row in fixed_rows(F.pad(audio, (0, delay * codec.grid.hop_samples))):
        state, parts = codec.encoder.zero_state(row.shape[0]), []
        for window in fixed_windows(row, codec.window_samples):
            *part, state = encode_window(codec, window, state, num_codebooks)
            parts.append(part)
        codes.append(torch.cat([found for found, _ in parts], dim=-1))
        vectors.append(torch.cat([latents.vectors for _, latents in parts], dim=-1))
        late += [torch.cat([latents.late for _, latents in parts], dim=-1)] if parts[0][1].late is not None else []
    num_rows, num_frames = audio.shape[0], codec.grid.num_frames(audio.shape[-1])
    cut = slice(num_rows), slice(None), slice(delay, delay + num_frames)
    return torch.cat(codes)[cut], Latents(torch.cat(vectors)[cut], torch.cat(late)[cut] if late else None)


def decode_windows(codec: "Codec", audio_codes: Tensor, embeddings: Tensor | None) -> Tensor:
    """audio_codes: `b k t`, embeddings: `b e` or None.  Returns audio `b 1 t*hop`, in time."""
    delay, num_frames = codec.decoder.lookahead_frames, audio_codes.shape[-1]
    sound = []
    for at, row in enumerate(audio_codes.split(1)):
        state, parts = codec.decoder.zero_state(1), []
        speaker = None if embeddings is None else embeddings[at : at + 1]
        for start, window in enumerate(fixed_windows(F.pad(row, (0, delay)), codec.window_frames)):
            audio, state = decode_window(codec, window, num_frames - start * codec.window_frames, state, speaker)
            parts.append(audio)
        sound.append(torch.cat(parts, dim=-1))
    hop = codec.grid.hop_samples
    return torch.cat(sound)[..., delay * hop : (delay + num_frames) * hop]


def encode_window(
    codec: "Codec", audio: Tensor, state: State, num_codebooks: int | None = None
) -> tuple[Tensor, Latents, State]:
    """audio: `b 1 window_samples`.

    Returns codes `b k t` and latents, late by the encoder's lookahead, and the state for the next window.
    """
    latents, state = codec.encoder.step(audio, state)
    vectors = rearrange(latents.vectors, "b d t -> b t d")
    if latents.late is None:
        codes = codec.quantizer.encode(vectors, num_codebooks)
    else:
        codes = codec.stack.encode(vectors, num_codebooks, rearrange(latents.late, "b d t -> b t d"))
    return rearrange(codes, "b t k -> b k t"), latents, state


def decode_window(
    codec: "Codec", audio_codes: Tensor, num_real: int, state: State, embeddings: Tensor | None = None
) -> tuple[Tensor, State]:
    """audio_codes: `b k window_frames`, of which num_real are codes and the rest silence for the lookahead.

    Returns audio `b 1 window_samples`, late by the decoder's lookahead, and the state for the next window.
    """
    is_real = torch.arange(audio_codes.shape[-1], device=audio_codes.device) < num_real
    return codec.decoder.step(codec.vectors(audio_codes) * is_real, state, embeddings)
