"""Encoders of one recording whose codes are those of segments, as its samples come or as a whole."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from vqaudio.codec.streaming import EncoderRow, StreamingEncoder, filled_rows, row_of_state, rows_at_once
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.protocols import NeuralCodec
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.nn.conv import State
from vqaudio.quantizers.segments.distances import quantizer_distances
from vqaudio.quantizers.segments.viterbi import Segmenter, segment_codes

Distances = Callable[[EncoderRow], tuple[Tensor, State]]  # of a window `1 v t`


class SegmentEncoder:
    """A streaming encoder of the frame codes `1 t` of segments: a StreamingEncoder of distances, and a Segmenter.

    A code comes at most setting.max_delay_frames later than that encoder's.  distances, block_frames: as `encode` and
    block_frames of StreamingEncoder, see `distance_rows`.
    """

    def __init__(
        self,
        codec: NeuralCodec,
        setting: SegmentSetting,
        distances: Distances | None = None,
        *,
        block_frames: int | None = None,
    ) -> None:
        self._distances = StreamingEncoder(
            codec, 1, distances or partial(distances_alone, codec, distances_of(codec)), block_frames=block_frames
        )
        self._segmenter = Segmenter(setting)

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Encode more samples.  Returns the codes `1 t` that are decided."""
        return self._segmenter.push(self._distances.push(samples).T)[None]

    def finish(self) -> NDArray[np.int64]:
        """Encode the samples that are still waiting.  Returns the last codes `1 t`."""
        codes = self._segmenter.push(self._distances.finish().T)
        return np.concatenate([codes, self._segmenter.finish()])[None]


class WholeSegmentEncoder:
    """The encoder of the frame codes `1 t` of segments of one recording as a whole, of units of a speech model."""

    def __init__(self, units: UnitsTokenizer, setting: SegmentSetting) -> None:
        self._units, self._setting = units, setting
        self._blocks: list[NDArray[np.float32]] = []

    def push(self, samples: NDArray[np.float32]) -> NDArray[np.int64]:
        """Keep more samples.  Returns no codes yet, `1 0`."""
        self._blocks.append(np.array(samples, dtype=np.float32))
        return np.zeros((1, 0), dtype=np.int64)

    def finish(self) -> NDArray[np.int64]:
        """Encode the recording.  Returns its codes `1 t`."""
        distances = self._units.distances(np.concatenate(self._blocks))
        return segment_codes(distances.cpu().numpy(), self._setting)[None]


def encode_segments(codec: NeuralCodec, samples: NDArray[np.float32], setting: SegmentSetting) -> NDArray[np.int64]:
    """Encode samples `n` of a recording to the frame codes `1 t` of its segments."""
    encoder = SegmentEncoder(codec, setting)
    return np.concatenate([encoder.push(samples), encoder.finish()], axis=1)


def distances_of(codec: NeuralCodec) -> Callable[[Tensor], Tensor]:
    """Make the function of a codec's latents that gives their distances; see `quantizer_distances`."""
    return quantizer_distances(codec.quantizer)


@torch.inference_mode()
def distance_rows(
    codec: NeuralCodec, distances: Callable[[Tensor], Tensor], rows: Sequence[EncoderRow], *, num_rows: int
) -> list[tuple[Tensor, State]]:
    """Compute the distances of windows of several streams, as `encode_rows` does their codes.

    distances: of the codec.  Returns the distances `1 v t` and the next state of each.
    """
    latents, state = codec.encoder.step(*filled_rows(codec, rows, num_rows))
    found = rearrange(distances(rearrange(latents.vectors, "b d t -> b t d")), "b t v -> b v t")
    return [(found[at : at + 1], row_of_state(state, at)) for at in range(len(rows))]


def distances_alone(codec: NeuralCodec, distances: Callable[[Tensor], Tensor], row: EncoderRow) -> tuple[Tensor, State]:
    """Compute the distances of a window `1 v t`, and the next state, with no other stream beside it."""
    return distance_rows(codec, distances, [row], num_rows=rows_at_once(codec.device))[0]
