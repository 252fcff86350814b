"""A codec on a line: microphone blocks to codes, and codes to sound, each as soon as the codec's lookahead allows.

samples -> LiveEncoder -> codes, those of `codec.encode` bit for bit -> LiveDecoder -> samples
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.audio.samples import from_int16
from vqaudio.codec.foreign import ForeignCodec
from vqaudio.codec.locate import FOREIGN_PREFIX
from vqaudio.codec.saving import open_codec
from vqaudio.codec.segments.encoder import SegmentEncoder
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder
from vqaudio.codec.units.naming import is_units
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.quantizers.frames import check_num_codebooks


class LiveEncoder:
    """The sending end.

    num_samples: that were pushed.  delay_samples: a sample's code is out when so many more were pushed, at the latest.
    """

    def __init__(
        self,
        codec: NeuralCodec,
        num_codebooks: int | None = None,
        block_frames: int = 1,
        segments: SegmentSetting | None = None,
    ) -> None:
        self._encoder = (
            StreamingEncoder(codec, num_codebooks, block_frames=block_frames)
            if segments is None
            else SegmentEncoder(codec, segments, block_frames=block_frames)
        )
        self.num_samples, self._is_finished = 0, False
        num_frames = min(block_frames, codec.window_frames) + codec.encoder.lookahead_frames
        num_frames += 0 if segments is None else segments.max_delay_frames or 0
        self.delay_samples = num_frames * codec.grid.hop_samples

    def push(self, samples: Any) -> NDArray[np.int64]:
        """Encode more samples.  Returns the codes `k t` that are final, often none.

        samples: `n`, `n 1` or `1 n`, of any length, at the codec's rate: floats in [-1, 1], or int16.
        Raises VqaudioError for samples of another kind, and after `finish`.
        """
        _require_open(self._is_finished)
        block = _checked_samples(samples)
        self.num_samples += len(block)
        return self._encoder.push(block)

    def finish(self) -> NDArray[np.int64]:
        """End the stream.  Returns the last codes `k t`."""
        _require_open(self._is_finished)
        self._is_finished = True
        return self._encoder.finish()


class LiveDecoder:
    """The receiving end.

    num_frames: that were pushed.  delay_samples: a frame's sound is out when so much more was pushed, at the latest.
    """

    def __init__(
        self,
        codec: NeuralCodec,
        block_frames: int = 1,
        *,
        speaker: int | None = None,
        embedding: Tensor | None = None,
    ) -> None:
        self._decoder = StreamingDecoder(codec, speaker, embedding, block_frames=block_frames)
        self._codec, self._num_codebooks = codec, 0
        self.num_frames, self._is_finished = 0, False
        self.delay_samples = (block_frames - 1 + codec.decoder.lookahead_frames) * codec.grid.hop_samples

    def push(self, codes: Any) -> NDArray[np.float32]:
        """Decode more codes `k t`, of all codebooks or the first ones.  Returns the samples that are final, often none.

        Raises VqaudioError for codes that are none of this codec's or of another k than before, and after `finish`.
        """
        _require_open(self._is_finished)
        block = self._checked_codes(codes)
        self.num_frames += block.shape[1]
        return self._decoder.push(block)

    def finish(self, num_samples: int | None = None) -> NDArray[np.float32]:
        """End the stream.  Returns the last samples, so that there are num_samples in all (every frame's, if None).

        Raises VqaudioError for a number that does not end in the last frame.
        """
        _require_open(self._is_finished)
        sound = self._decoder.finish(num_samples)
        self._is_finished = True
        return sound

    def _checked_codes(self, codes: Any) -> NDArray[np.integer]:
        block, most = np.asarray(codes), self._codec.num_codebooks
        if block.ndim != 2 or block.dtype.kind not in "iu" or not 1 <= block.shape[0] <= most:
            raise VqaudioError(
                f"got codes of shape {block.shape} and type {block.dtype}, wanted integers (codebooks, frames) with 1 "
                f"to {most} codebooks"
            )
        if self._num_codebooks not in (0, block.shape[0]):
            raise VqaudioError(f"got {block.shape[0]} codebooks after {self._num_codebooks}; a stream keeps its number")
        if block.size and not 0 <= block.min() <= block.max() < self._codec.codebook_size:
            most = self._codec.codebook_size - 1
            raise VqaudioError(f"codes from {block.min()} to {block.max()}; {self._codec.name} has 0 to {most}")
        self._num_codebooks = block.shape[0]
        return block


@dataclass(frozen=True, eq=False)
class CodecStream:
    """Both ends of a stream, which may be used together or one alone.  See `open_stream`."""

    codec: NeuralCodec
    encoder: LiveEncoder
    decoder: LiveDecoder

    @property
    def sample_rate_hz(self) -> int:
        """Rate of the samples on both ends."""
        return self.codec.grid.sample_rate_hz


def open_stream(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer | str | Path = "speech-16k",
    num_codebooks: int | None = None,
    block_frames: int = 1,
    *,
    speaker: int | None = None,
    embedding: Tensor | None = None,
    device: str = "cpu",
    segments: SegmentSetting | None = None,
) -> CodecStream:
    """Open a stream through a codec, for one recording or one side of a talk.

    codec: one that is open, or what `open_codec` opens on device.  num_codebooks: that are encoded, all if None.
    block_frames: frames that are computed at a time: each block costs the encoder a whole window, and the codes are
    the same.  speaker, embedding: who speaks, see `StreamingDecoder`.  segments: of the first codebook, each of one
    code, which come up to max_delay_frames later; None for each frame's nearest codes.
    Raises VqaudioError for a codec that has whole recordings only, for segments of several codebooks, of a codec
    without a codebook of vectors or without max_delay_frames, and what `open_codec` raises.
    """
    is_name = isinstance(codec, str | Path)
    if isinstance(codec, ForeignCodec | UnitsTokenizer) or (is_name and _is_whole(codec)):
        name = codec if is_name else codec.name
        raise VqaudioError(
            f"{name} is a model of transformers, which encodes whole recordings only; streams need a codec of vqaudio"
        )
    opened = open_codec(codec, device) if isinstance(codec, str | Path) else codec
    check_num_codebooks(num_codebooks, opened.num_codebooks)
    if segments is not None:
        segments.require_one_codebook(opened.name, num_codebooks or opened.num_codebooks)
        if segments.max_delay_frames is None:
            raise VqaudioError("segments that are decided at the end have no stream; set max_delay_frames, such as 50")
    encoder = LiveEncoder(opened, num_codebooks, block_frames, segments)
    return CodecStream(opened, encoder, LiveDecoder(opened, block_frames, speaker=speaker, embedding=embedding))


def _is_whole(name: str | Path) -> bool:
    return str(name).startswith(FOREIGN_PREFIX) or is_units(name)


def _require_open(is_finished: bool) -> None:
    if is_finished:
        raise VqaudioError("this stream was finished; open another one for what comes next")


def _checked_samples(samples: Any) -> NDArray[np.float32]:
    block = np.asarray(samples)
    if block.ndim == 2 and 1 in block.shape:
        block = block.reshape(-1)
    if block.ndim != 1 or not (block.dtype.kind == "f" or block.dtype == np.int16):
        raise VqaudioError(
            f"got samples of shape {block.shape} and type {block.dtype}, wanted one channel, (samples,), of floats in "
            "[-1, 1] or of int16"
        )
    block = from_int16(block) if block.dtype == np.int16 else block.astype(np.float32)
    if not np.isfinite(block).all():
        raise VqaudioError("a stream takes finite samples, got NaN or infinity; find where they come from")
    return block
