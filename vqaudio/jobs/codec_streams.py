"""The streams of a codec: one for each core, or many in lanes of one batch, as its device wants.

A codec of transformers has no streams, nor have units: a thread encodes one recording as a whole.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from vqaudio.codec.foreign import ForeignCodec, WholeDecoder, WholeEncoder
from vqaudio.codec.lanes import Lanes
from vqaudio.codec.model import Codec
from vqaudio.codec.pitch.stream import PitchEncoder
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
from vqaudio.jobs.tokenize.file_tokenizer import BlockEncoder, FileTokenizer
from vqaudio.jobs.tokenize.local import num_available_cpus


def tokenizer_of(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer,
    num_codebooks: int | None = None,
    *,
    num_lanes: int | None = None,
    segments: SegmentSetting | None = None,
    pitch_steps: int = 0,
) -> tuple[FileTokenizer, int]:
    """Make a FileTokenizer and choose how many threads are to call it, each with a file of its own.

    num_lanes: files that share a batch, see `vqaudio.codec.lanes`; by the device, if None.  segments: of the first
    codebook, see `SegmentEncoder`.  pitch_steps: of the pitch beside the codes, see `pitch_steps_of`; 0 for none.
    Raises VqaudioError for segments of a codec that does not show its codebook.
    """
    if segments is None:
        make_encoder, num_threads = _encoders_of(codec, num_codebooks, num_lanes)
    else:
        make_encoder, num_threads = _segments_of(codec, segments, num_lanes)
    make_pitch = partial(PitchEncoder, codec.grid, pitch_steps) if pitch_steps else None
    return FileTokenizer(make_encoder, codec.grid.sample_rate_hz, make_pitch), num_threads


def pitch_steps_of(codec: NeuralCodec | ForeignCodec | UnitsTokenizer) -> int:
    """Return the steps of the pitch that a codec speaks.  Raises VqaudioError for one that takes none."""
    steps = codec.pitch_steps if isinstance(codec, Codec) else 0
    if not steps:
        raise VqaudioError(
            f"{codec.name} takes no pitch beside its codes and could not speak it again: leave --pitch out, or train a "
            "codec that takes it, see recipes/units_16k_pitch.yaml"
        )
    return steps


Encoders = tuple[Callable[[], BlockEncoder], int]  # what makes one, and the number of threads


def _encoders_of(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer, num_codebooks: int | None, num_lanes: int | None
) -> Encoders:
    if isinstance(codec, ForeignCodec | UnitsTokenizer):
        return lambda: WholeEncoder(codec, num_codebooks), _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    encode = None
    if num_lanes > 1:
        encode = Lanes(partial(encode_rows, codec, num_codebooks=num_codebooks, num_rows=num_lanes), num_lanes).run
    return lambda: StreamingEncoder(codec, num_codebooks, encode), _num_threads(num_lanes)


def _segments_of(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer, segments: SegmentSetting, num_lanes: int | None
) -> Encoders:
    if isinstance(codec, ForeignCodec):
        raise VqaudioError(
            f"{codec.name} is a model of transformers, which gives codes and no distances to them; segments need a "
            "codec of vqaudio, such as units-16k, or --codec units:MODEL"
        )
    if isinstance(codec, UnitsTokenizer):
        return lambda: WholeSegmentEncoder(codec, segments), _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    distances = distances_of(codec)
    compute = partial(distances_alone, codec, distances)
    if num_lanes > 1:
        compute = Lanes(partial(distance_rows, codec, distances, num_rows=num_lanes), num_lanes).run
    return lambda: SegmentEncoder(codec, segments, compute), _num_threads(num_lanes)


def decoders_of(
    codec: NeuralCodec | ForeignCodec, embedding: Tensor | None = None, *, num_lanes: int | None = None
) -> tuple[Callable[[float], BlockDecoder], int]:
    """Make a maker of decoders, each for one file, and choose how many threads are to use one at a time.

    The maker is given the median of the file's pitch in Hz, 0 where it has none.
    embedding: `1 e`, see `StreamingDecoder`.  num_lanes: as for `tokenizer_of`.
    """
    if isinstance(codec, ForeignCodec):
        return lambda median_hz: WholeDecoder(codec), _num_threads_whole(codec)
    num_lanes = num_lanes or rows_at_once(codec.device)
    decode = Lanes(partial(decode_rows, codec, num_rows=num_lanes), num_lanes).run if num_lanes > 1 else None

    def make(median_hz: float) -> StreamingDecoder:
        return StreamingDecoder(codec, embedding=embedding, decode=decode, median_hz=median_hz)

    return make, _num_threads(num_lanes)


def _num_threads_whole(codec: ForeignCodec | UnitsTokenizer) -> int:
    """Return one thread for each core, or one for an accelerator: recordings as a whole share no batch."""
    return num_available_cpus() if codec.device.type == "cpu" else 1


def _num_threads(num_lanes: int) -> int:
    """Return one thread for each core or, for lanes, so many that the next batch gathers while one is computed."""
    return num_available_cpus() if num_lanes == 1 else 2 * num_lanes
