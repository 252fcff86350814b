"""One recording to its codes and back to one wav file, without a store."""

from pathlib import Path

import torch
from torch import Tensor

from vqaudio.codec.foreign import ForeignCodec
from vqaudio.codec.units.tokenizer import UnitsTokenizer
from vqaudio.core.errors import VqaudioError
from vqaudio.core.protocols import NeuralCodec
from vqaudio.core.segmentation import SegmentSetting
from vqaudio.jobs.codec_streams import decoders_of, tokenizer_of
from vqaudio.jobs.decoding import decode_rows
from vqaudio.jobs.sources import Source
from vqaudio.jobs.stamps import stamp_of
from vqaudio.jobs.tokenize.readers import InlineReader
from vqaudio.tokens.schema import TokenRow
from vqaudio.tokens.wire.file import CodesFile


def encode_recording(
    codec: NeuralCodec | ForeignCodec | UnitsTokenizer,
    path: Path,
    num_codebooks: int | None = None,
    *,
    start_s: float = 0.0,
    end_s: float | None = None,
    segments: SegmentSetting | None = None,
) -> tuple[CodesFile, tuple[str, ...]]:
    """Encode a recording or a segment of it to the codes that `vqaudio tokenize` gives it; returns warnings too.

    segments: how frames become segments, if they do; see `tokenizer_of`.
    Raises VqaudioError if it cannot be read, or the codec does not have that many codebooks.
    """
    stamp = stamp_of(codec, num_codebooks, segments)
    tokenizer, _ = tokenizer_of(codec, num_codebooks, segments=segments)
    threads_before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        outcome = tokenizer.encode(
            Source(str(path), str(path)),
            lambda on_block: InlineReader().read(
                str(path), stamp.sample_rate_hz, on_block, start_s=start_s, end_s=end_s
            ),
        )
    finally:
        torch.set_num_threads(threads_before)
    if outcome.codes is None:
        raise VqaudioError(f"{path}: {outcome.reason}")
    return CodesFile(stamp, outcome.codes, outcome.num_samples), outcome.warnings


def decode_recording(
    codec: NeuralCodec | ForeignCodec,
    content: CodesFile,
    out: Path,
    num_codebooks: int | None = None,
    *,
    embedding: Tensor | None = None,
) -> None:
    """Decode codes to one wav file, of the first codebooks or all.  embedding: `1 e`, see `StreamingDecoder`.

    Raises VqaudioError if it cannot be written.
    """
    rate_hz = content.stamp.sample_rate_hz
    row = TokenRow(str(out), content.codes, content.num_samples, rate_hz, content.num_samples / rate_hz)
    make_decoder, _ = decoders_of(codec, embedding)
    rows = decode_rows([row], Path, make_decoder, sample_rate_hz=rate_hz, num_codebooks=num_codebooks)
    assert len(list(rows)) == 1, "one recording becomes one file"
