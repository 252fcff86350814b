"""The streams of a codec: one for each core, or many in lanes of one batch, as its device wants.

A codec of transformers has no streams, nor have units: a thread encodes one recording as a whole.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from vqaudio.codec.foreign import ForeignCodec, WholeDecoder, WholeEncoder
from vqaudio.codec.lanes import Lanes
from vqaudio.codec.segments.encoder import (
    SegmentEncoder,
    WholeSegmentEncoder,
    distance_rows,
    distances_alone,
    distances_of,
)
from vqaudio.codec.streaming import StreamingDecoder, StreamingEncoder, decode_rows, encode_rows, rows_at_once
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.jobs.decoding import BlockDecoder
from vqaudio.jobs.tokenize.file_tokenizer import FileTokenizer
from vqaudio.jobs.tokenize.local import num_available_cpus


def tokenizer_of(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer,
    num_codebooks: int | None = None,
    *,
    num_lanes: int | None = None,
    segments: SegmentSetting | None = None,
) -> tuple[FileTokenizer, int]:
    """Make a FileTokenizer and choose how many threads are to call it, each with a file of its own.

    num_lanes: files that share a batch, see `vqaudio.codec.lanes`; by the device, if None.  segments: of the first
    codebook, see `SegmentEncoder`.  Raises VqaudioError for segments of a codec that does not show its codebook.
    """
    if segments is not None:
        return _segments_of(codec, segments, num_lanes)
    if isinstance(codec, ForeignCodec | UnitsTokenizer):
        tokenizer = FileTokenizer(lambda: WholeEncoder(codec, num_codebooks), codec.grid.sample_rate_hz)
        return tokenizer, _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    encode = None
    if num_lanes > 1:
        encode = Lanes(partial(encode_rows, codec, num_codebooks=num_codebooks, num_rows=num_lanes), num_lanes).run
    tokenizer = FileTokenizer(lambda: StreamingEncoder(codec, num_codebooks, encode), codec.grid.sample_rate_hz)
    return tokenizer, _num_threads(num_lanes)


def _segments_of(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer, segments: SegmentSetting, num_lanes: int | None
) -> tuple[FileTokenizer, int]:
    if isinstance(codec, ForeignCodec):
        raise VqaudioError(
            f"{codec.name} is a model of transformers, which gives codes and no distances to them; segments need a "
            "codec of vqaudio, such as units-16k, or --codec units:MODEL"
        )
    rate_hz = codec.grid.sample_rate_hz
    if isinstance(codec, UnitsTokenizer):
        return FileTokenizer(lambda: WholeSegmentEncoder(codec, segments), rate_hz), _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    distances = distances_of(codec)
    compute = partial(distances_alone, codec, distances)
    if num_lanes > 1:
        compute = Lanes(partial(distance_rows, codec, distances, num_rows=num_lanes), num_lanes).run
    return FileTokenizer(lambda: SegmentEncoder(codec, segments, compute), rate_hz), _num_threads(num_lanes)


def decoders_of(
    codec: NeuralCodec | ForeignCodec, embedding: Tensor | None = None, *, num_lanes: int | None = None
) -> tuple[Callable[[], BlockDecoder], int]:
    """Make a maker of decoders, each for one file, and choose how many threads are to use one at a time.

    embedding: `1 e`, see `StreamingDecoder`.  num_lanes: as for `tokenizer_of`.
    """
    if isinstance(codec, ForeignCodec):
        return lambda: WholeDecoder(codec), _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    decode = Lanes(partial(decode_rows, codec, num_rows=num_lanes), num_lanes).run if num_lanes > 1 else None
    return lambda: StreamingDecoder(codec, embedding=embedding, decode=decode), _num_threads(num_lanes)


def _num_threads_whole(codec: ForeignCodec | UnitsTokenizer) -> int:
    """Return one thread for each core, or one for an accelerator: recordings as a whole share no batch."""
    return num_available_cpus() if codec.device.type == "cpu" else 1


def _num_threads(num_lanes: int) -> int:
    """Return one thread for each core or, for lanes, so many that the next batch gathers while one is computed."""
    return num_available_cpus() if num_lanes == 1 else 2 * num_lanes
