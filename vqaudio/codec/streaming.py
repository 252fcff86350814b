"""Codes as the sound arrives, sound as the codes arrive; bit for bit what the whole file gives."""

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.codec.model import Codec
from vqaudio.codec.speakers import resolve_speaker_embeddings
from vqaudio.codec.windows import decode_window, encode_window
from vqaudio.core.errors import VqaudioError


class StreamingEncoder:
    """Collects samples until a window of the codec is full, then encodes it with the state of the ones before.

    Every step has one tensor shape, whatever the sizes of the blocks: so the codes are the same for any of them.
    The delay is one window (`codec.window_samples`) and the encoder's lookahead; for less, drive `codec.encoder.step`
    with blocks of your own.
    """

    def __init__(self, codec: Codec, num_codebooks: int | None = None) -> None:
        self.codec, self.num_codebooks = codec, num_codebooks
        self._state = codec.encoder.zero_state(1)
        self._waiting: list[NDArray[np.float32]] = []
        self._num_waiting = 0
        self._num_given = -codec.encoder.lookahead_frames  # frames: the first codes are those of before the beginning
        self._is_finished = False

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """samples: any number, at the codec's rate.  Returns the codes `k t` that became final."""
        if self._is_finished:
            raise VqaudioError("this stream was finished; make a new StreamingEncoder for the next file")
        self._waiting.append(np.asarray(samples, dtype=np.float32))
        self._num_waiting += len(samples)
        size, parts = self.codec.window_samples, []
        if self._num_waiting >= size:
            joined = np.concatenate(self._waiting)
            whole = len(joined) - len(joined) % size
            parts = [self._encode(joined[at : at + size]) for at in range(0, whole, size)]
            self._waiting, self._num_waiting = [joined[whole:]], len(joined) - whole
        return self._joined(parts)

    def finish(self) -> NDArray[np.int64]:
        """The codes `k t` of what is still waiting."""
        self._is_finished = True
        num_more = self.codec.grid.num_frames(self._num_waiting) + self.codec.encoder.lookahead_frames
        num_left = num_more + min(self._num_given, 0)  # what is early is not given out
        size, num_windows = self.codec.window_samples, -(-num_more // self.codec.window_frames)
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
    """Sound from codes that arrive in any portions, in memory that does not grow.

    The delay is one window and the decoder's lookahead.  For a codec with speaker conditioning, who speaks: speaker, an
    index, or embedding `1 e`; see `vqaudio.codec.speakers.resolve_speaker_embeddings`.
    """

    def __init__(self, codec: Codec, speaker: int | None = None, embedding: torch.Tensor | None = None) -> None:
        self.codec = codec
        self._state = codec.decoder.zero_state(1)
        speakers = None if speaker is None else torch.tensor([speaker], device=codec.device)
        self._embeddings = resolve_speaker_embeddings(codec, speakers, embedding, 1)
        self._waiting: NDArray[np.int64] | None = None
        self._num_frames = 0  # that came
        self._num_given = -codec.decoder.lookahead_frames * codec.grid.hop_samples  # samples: the first ones are early

    def push(self, codes: NDArray[np.integer]) -> NDArray[np.float32]:
        """codes: `k t`.  Returns the samples that became final."""
        codes = np.asarray(codes, dtype=np.int64)
        self._num_frames += codes.shape[1]
        waiting = codes if self._waiting is None else np.concatenate([self._waiting, codes], axis=1)
        size = self.codec.window_frames
        whole = waiting.shape[1] - waiting.shape[1] % size
        self._waiting = waiting[:, whole:]
        return self._sound([waiting[:, at : at + size] for at in range(0, whole, size)])

    def finish(self, num_samples: int | None = None) -> NDArray[np.float32]:
        """The rest of the sound, so that there are num_samples in all (every frame's, if None)."""
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
