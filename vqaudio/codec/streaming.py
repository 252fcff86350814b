"""Encoding and decoding in windows of one shape, offline or streaming, with bit for bit the same result.

A file is cut into windows of one length, each of which goes on from the state that the one before left behind.  So the
codes of a file are the same whatever it is batched with, in whatever blocks it comes (tests/codec/test_laws.py).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.codec.speakers import resolve_speaker_embeddings
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.nn.conv import State, fixed_windows
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.quantizers.interface import Quantizer

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once


class StreamingEncoder:
    """A streaming encoder: it collects samples until a window is full, then encodes it with the state of those before.

    Every step has one tensor shape, whatever the sizes of the blocks: so the codes are the same for any of them.
    The delay is one window (`codec.window_frames`) and the encoder's lookahead; for less, drive `codec.encoder.step`
    with blocks of your own.
    """

    def __init__(self, codec: NeuralCodec, num_codebooks: int | None = None) -> None:
        self.codec, self.num_codebooks = codec, num_codebooks
        self._state = codec.encoder.zero_state(1)
        self._window_samples = codec.window_frames * codec.grid.hop_samples
        self._waiting: list[NDArray[np.float32]] = []
        self._num_waiting = 0
        self._num_given = -codec.encoder.lookahead_frames  # frames: the first codes are those of before the beginning
        self._is_finished = False

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Encode more samples, any number at the codec's rate.  Returns the codes `k t` that became final."""
        if self._is_finished:
            raise VqaudioError("this stream was finished; make a new StreamingEncoder for the next file")
        self._waiting.append(np.asarray(samples, dtype=np.float32))
        self._num_waiting += len(samples)
        size, parts = self._window_samples, []
        if self._num_waiting >= size:
            joined = np.concatenate(self._waiting)
            whole = len(joined) - len(joined) % size
            parts = [self._encode(joined[at : at + size]) for at in range(0, whole, size)]
            self._waiting, self._num_waiting = [joined[whole:]], len(joined) - whole
        return self._joined(parts)

    def finish(self) -> NDArray[np.int64]:
        """Encode the samples that are still waiting.  Returns their codes `k t`."""
        self._is_finished = True
        num_more = self.codec.grid.num_frames(self._num_waiting) + self.codec.encoder.lookahead_frames
        num_left = num_more + min(self._num_given, 0)  # what is early is not given out
        size, num_windows = (
            self.codec.window_frames * self.codec.grid.hop_samples,
            -(-num_more // self.codec.window_frames),
        )
        rest = np.concatenate([np.zeros(0, dtype=np.float32), *self._waiting])
        rest = np.pad(rest, (0, num_windows * size - len(rest)))
        return self._joined([self._encode(window) for window in rest.reshape(num_windows, size)])[:, :num_left]

    @torch.inference_mode()
    def _encode(self, window: NDArray[np.float32]) -> NDArray[np.int64]:
        audio = torch.from_numpy(window.copy()).to(self.codec.device)[None, None]
        codes, _, self._state = encode_window(
            self.codec.encoder, self.codec.quantizer, audio, self._state, self.num_codebooks
        )
        num_early = max(0, -self._num_given)
        self._num_given += codes.shape[-1]
        return codes[0, :, num_early:].cpu().numpy()

    def _joined(self, parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        num_codebooks = self.num_codebooks or self.codec.num_codebooks
        return np.concatenate([np.zeros((num_codebooks, 0), dtype=np.int64), *parts], axis=1)


class StreamingDecoder:
    """A streaming decoder of codes that arrive in any portions, in memory that does not grow.

    The delay is one window and the decoder's lookahead.  For a codec with speaker conditioning, who speaks: speaker, an
    index, or embedding `1 e`; see `vqaudio.codec.speakers.resolve_speaker_embeddings`.
    """

    def __init__(self, codec: NeuralCodec, speaker: int | None = None, embedding: torch.Tensor | None = None) -> None:
        self.codec = codec
        self._state = codec.decoder.zero_state(1)
        speakers = None if speaker is None else torch.tensor([speaker], device=codec.device)
        self._embeddings = resolve_speaker_embeddings(codec, speakers, embedding, 1)
        self._waiting: NDArray[np.int64] | None = None
        self._num_frames = 0  # that came
        self._num_given = -codec.decoder.lookahead_frames * codec.grid.hop_samples  # samples: the first ones are early

    def push(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """Decode more codes `k t`.  Returns the samples that became final."""
        codes = np.asarray(codes, dtype=np.int64)
        self._num_frames += codes.shape[1]
        waiting = codes if self._waiting is None else np.concatenate([self._waiting, codes], axis=1)
        size = self.codec.window_frames
        whole = waiting.shape[1] - waiting.shape[1] % size
        self._waiting = waiting[:, whole:]
        return self._sound([waiting[:, at : at + size] for at in range(0, whole, size)])

    def finish(self, num_samples: int | None = None) -> NDArray[np.float32]:
        """Decode the rest, so that there are num_samples in all (every frame's, if None)."""
        total = self._num_frames * self.codec.grid.hop_samples if num_samples is None else num_samples
        if self.codec.grid.num_frames(total) != self._num_frames:
            raise VqaudioError(f"{self._num_frames} frames came, which cannot give {total} samples")
        if self._waiting is None:
            return np.zeros(0, dtype=np.float32)
        num_more = self._waiting.shape[1] + self.codec.decoder.lookahead_frames
        windows = [self._waiting] + [self._waiting[:, :0]] * (-(-num_more // self.codec.window_frames) - 1)
        given = max(self._num_given, 0)
        return self._sound(windows)[: total - given]

    @torch.inference_mode()
    def _sound(self, windows: list[NDArray[np.int64]]) -> NDArray[np.float32]:
        parts = []
        for window in windows:
            codes = torch.from_numpy(np.pad(window, ((0, 0), (0, self.codec.window_frames - window.shape[1]))))
            audio, self._state = decode_window(
                self.codec.quantizer,
                self.codec.decoder,
                codes.to(self.codec.device)[None],
                window.shape[1],
                self._state,
                self._embeddings,
            )
            samples = audio[0, 0].cpu().numpy()
            parts.append(samples[max(0, -self._num_given) :])
            self._num_given += len(samples)
        return np.concatenate([np.zeros(0, dtype=np.float32), *parts])


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
    """Look up the quantized latents `b d t` of audio_codes `b k t`."""
    return rearrange(quantizer.decode(rearrange(audio_codes, "b k t -> b t k")), "b t d -> b d t")
