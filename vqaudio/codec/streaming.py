"""Streams in windows of one shape, each of which goes on from the state that the one before left behind.

A file's codes are then the same whatever it is batched with, in whatever blocks it comes (tests/codec/test_laws.py).
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.codec.pitch.queue import PitchQueue
from vqaudio.codec.speakers import resolve_speaker_embeddings
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.nn.conv import State
from vqaudio.nn.encoder import Encoder, Latents
from vqaudio.nn.pitch import PitchTrack
from vqaudio.quantizers.interface import Quantizer

ACCELERATOR_ROWS = 16  # files that an accelerator works on at once

EncoderRow = tuple[Tensor, State]  # audio `1 1 window_samples`


class DecoderRow(NamedTuple):
    """A window of one stream.

    codes: `1 k window_frames`, of which num_real frames are codes.  embeddings: `1 e`.  pitch: of the same frames.
    """

    codes: Tensor
    num_real: int
    state: State
    embeddings: Tensor | None
    pitch: PitchTrack | None = None


class StreamingEncoder:
    """A streaming encoder: it collects samples until a window is full, then encodes it with the state of those before.

    Every step has one tensor shape, whatever the sizes of the blocks: so the codes are the same for any of them.
    The delay is one window (`codec.window_frames`) and the encoder's lookahead; with block_frames it is as many frames
    and the lookahead.  A window that is not full is then filled up with silence and encoded each time block_frames more
    frames are there: the encoder is causal, so that the codes of frames that are whole stay as they are, bit for bit.
    encode: what encodes a window with a state, where several streams share their batches, see `vqaudio.codec.lanes`.
    """

    def __init__(
        self,
        codec: NeuralCodec,
        num_codebooks: int | None = None,
        encode: Callable[[EncoderRow], tuple[Tensor, State]] | None = None,
        *,
        block_frames: int | None = None,
    ) -> None:
        self.codec, self.num_codebooks, self.block_frames = codec, num_codebooks, checked_block(block_frames)
        self._encode_shared = encode  # a method of its own here would be a circle: memory waits for the collector then
        self._state = codec.encoder.zero_state(1)
        self._window_samples = codec.window_frames * codec.grid.hop_samples
        self._waiting: list[NDArray[np.float32]] = []  # samples since the last full window
        self._num_waiting = 0
        # Frames as they leave the encoder, late by its lookahead: the first ones are those of before the beginning.
        self._num_encoded, self._num_given = 0, codec.encoder.lookahead_frames
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
        if self.block_frames is not None:
            num_ready = self._num_waiting // self.codec.grid.hop_samples // self.block_frames * self.block_frames
            if self._num_encoded + num_ready > self._num_given:
                parts.append(self._encode(self._rest(1)[0], num_ready))
        return self._joined(parts)

    def finish(self) -> NDArray[np.int64]:
        """Encode the samples that are still waiting.  Returns their codes `k t`."""
        self._is_finished = True
        num_more = self.codec.grid.num_frames(self._num_waiting) + self.codec.encoder.lookahead_frames
        size = self.codec.window_frames
        windows = self._rest(-(-num_more // size))
        ends = [min(size, num_more - at * size) for at in range(len(windows))]
        return self._joined([self._encode(window, end) for window, end in zip(windows, ends, strict=True)])

    def _rest(self, num_windows: int) -> NDArray[np.float32]:
        """Fill up what waits with silence to windows, `w n`."""
        rest = np.concatenate([np.zeros(0, dtype=np.float32), *self._waiting])
        self._waiting = [rest]
        return np.pad(rest, (0, num_windows * self._window_samples - len(rest))).reshape(
            num_windows, self._window_samples
        )

    @torch.inference_mode()
    def _encode(self, window: NDArray[np.float32], num_ready: int | None = None) -> NDArray[np.int64]:
        """Encode a window, of which num_ready frames are whole; None: it is full, and the next one goes on from it."""
        audio = torch.from_numpy(window.copy()).to(self.codec.device)[None, None]
        codes, state = (self._encode_shared or self._encode_alone)((audio, self._state))
        begin, end = self._num_given - self._num_encoded, codes.shape[-1] if num_ready is None else num_ready
        self._num_given = max(self._num_given, self._num_encoded + end)
        if end == codes.shape[-1]:
            self._state = state
            self._num_encoded += end
        return codes[0, :, begin:end].cpu().numpy()

    def _encode_alone(self, row: EncoderRow) -> tuple[Tensor, State]:
        num_rows = rows_at_once(self.codec.device)
        return encode_rows(self.codec, [row], self.num_codebooks, num_rows=num_rows)[0]

    def _joined(self, parts: list[NDArray[np.int64]]) -> NDArray[np.int64]:
        if parts:
            return np.concatenate(parts, axis=1)
        return np.zeros((self.num_codebooks or self.codec.num_codebooks, 0), dtype=np.int64)


class StreamingDecoder:
    """A streaming decoder of codes that arrive in any portions, in memory that does not grow.

    The delay is one window, or block_frames, and the decoder's lookahead.  The sound does not depend on the portions,
    but on block_frames: the head improves the phases of all frames of a block together.  For a codec with speaker
    conditioning, who speaks: speaker, an index, or embedding `1 e`; see
    `vqaudio.codec.speakers.resolve_speaker_embeddings`.  median_hz: of the voice, for a codec that takes pitch.
    decode: as `encode` of StreamingEncoder.
    """

    def __init__(
        self,
        codec: NeuralCodec,
        speaker: int | None = None,
        embedding: torch.Tensor | None = None,
        decode: Callable[[DecoderRow], tuple[Tensor, State]] | None = None,
        *,
        block_frames: int | None = None,
        median_hz: float = 0.0,
    ) -> None:
        self.codec, self._step_frames = codec, checked_block(block_frames) or codec.window_frames
        self._pitch = PitchQueue(codec.decoder.pitch, median_hz)
        self._decode_shared = decode
        self._state = codec.decoder.zero_state(1)
        speakers = None if speaker is None else torch.tensor([speaker], device=codec.device)
        self._embeddings = resolve_speaker_embeddings(codec, speakers, embedding, 1)
        self._waiting: NDArray[np.int64] | None = None
        self._num_frames = 0  # that came
        self._num_given = -codec.decoder.lookahead_frames * codec.grid.hop_samples  # samples: the first ones are early

    def push(self, codes: NDArray[np.integer], pitch: NDArray[np.integer] | None = None) -> NDArray[np.float32]:
        """Decode more codes `k t`.  Returns the samples that became final.

        pitch: codes `t` of the same frames, for a codec that takes them; None leaves the pitch to the decoder.
        Raises VqaudioError for pitch that does not fit.
        """
        codes = np.asarray(codes, dtype=np.int64)
        self._pitch.push(pitch, codes.shape[1])
        self._num_frames += codes.shape[1]
        waiting = codes if self._waiting is None else np.concatenate([self._waiting, codes], axis=1)
        size = self._step_frames
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
        windows = [self._waiting] + [self._waiting[:, :0]] * (-(-num_more // self._step_frames) - 1)
        given = max(self._num_given, 0)
        return self._sound(windows)[: total - given]

    @torch.inference_mode()
    def _sound(self, windows: list[NDArray[np.int64]]) -> NDArray[np.float32]:
        parts = []
        for window in windows:
            codes = torch.from_numpy(np.pad(window, ((0, 0), (0, self._step_frames - window.shape[1]))))
            track = self._pitch.next_window(self._step_frames, self.codec.device)
            row = DecoderRow(codes.to(self.codec.device)[None], window.shape[1], self._state, self._embeddings, track)
            audio, self._state = (self._decode_shared or self._decode_alone)(row)
            samples = audio[0, 0].cpu().numpy()
            parts.append(samples[max(0, -self._num_given) :])
            self._num_given += len(samples)
        return np.concatenate([np.zeros(0, dtype=np.float32), *parts])

    def _decode_alone(self, row: DecoderRow) -> tuple[Tensor, State]:
        return decode_rows(self.codec, [row], num_rows=1)[0]


def checked_block(block_frames: int | None) -> int | None:
    """Return block_frames.  Raises VqaudioError if they are no frame."""
    if block_frames is not None and block_frames < 1:
        raise VqaudioError(f"block_frames must be 1 or more, got {block_frames}")
    return block_frames


def rows_at_once(device: torch.device) -> int:
    """Return how many rows are encoded as one batch: one on a CPU, sixteen on an accelerator."""
    return 1 if device.type == "cpu" else ACCELERATOR_ROWS


def encode_rows(
    codec: NeuralCodec, rows: Sequence[EncoderRow], num_codebooks: int | None = None, *, num_rows: int
) -> list[tuple[Tensor, State]]:
    """Encode windows of several streams, each with its state, as one batch of num_rows, filled up with silence.

    Returns the codes `1 k t` and the next state of each.
    """
    audio, states = filled_rows(codec, rows, num_rows)
    codes, _, state = encode_window(codec.encoder, codec.quantizer, audio, states, num_codebooks)
    return [(codes[at : at + 1], row_of_state(state, at)) for at in range(len(rows))]


def filled_rows(codec: NeuralCodec, rows: Sequence[EncoderRow], num_rows: int) -> tuple[Tensor, State]:
    """Join windows and their states to one batch of num_rows, filled up with silence: audio `b 1 n`, and states."""
    audio = F.pad(torch.cat([row for row, _ in rows]), (0, 0, 0, 0, 0, num_rows - len(rows)))
    return audio, join_states([state for _, state in rows] + [codec.encoder.zero_state(1)] * (num_rows - len(rows)))


def decode_rows(codec: NeuralCodec, rows: Sequence[DecoderRow], *, num_rows: int) -> list[tuple[Tensor, State]]:
    """Decode windows of several streams, each with its state, as one batch of num_rows, filled up with the first one.

    Returns the audio `1 1 window_samples` and the next state of each.
    """
    filled = [*rows, *[rows[0]] * (num_rows - len(rows))]
    codes, num_real, states, embeddings, pitches = zip(*filled, strict=True)
    tracks = [pitch for pitch in pitches if pitch is not None]
    pitch = PitchTrack(*map(torch.cat, zip(*tracks, strict=True))) if tracks else None
    given = [embedding for embedding in embeddings if embedding is not None]
    ends = torch.tensor(num_real, device=codes[0].device)
    speakers = torch.cat(given) if given else None
    state = join_states(states)
    audio, state = decode_window(codec.quantizer, codec.decoder, torch.cat(codes), ends, state, speakers, pitch)
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


def decode_window(
    quantizer: Quantizer,
    decoder: Any,
    audio_codes: Tensor,
    num_real: Tensor,
    state: State,
    embeddings: Tensor | None = None,
    pitch: PitchTrack | None = None,
) -> tuple[Tensor, State]:
    """Decode one window of codes `b k window_frames`: num_real `b` frames, then silence for the lookahead.

    Returns audio `b 1 window_samples`, late by the decoder's lookahead, and the state for the next window.
    """
    is_real = torch.arange(audio_codes.shape[-1], device=audio_codes.device) < num_real[:, None]
    given = () if pitch is None else (pitch,)
    return decoder.step(decode_latents(quantizer, audio_codes) * is_real[:, None], state, embeddings, *given)


def decode_latents(quantizer: Quantizer, audio_codes: Tensor) -> Tensor:
    """Look up the quantized latents `b d t` of audio_codes `b k t`."""
    return rearrange(quantizer.decode(rearrange(audio_codes, "b k t -> b t k")), "b t d -> b d t")
