"""`vqaudio stream encode|decode`: samples on standard input to codes on standard output, and back, as they come.

    vqaudio stream encode --codebooks 4

and in a pipe:

    sox in.wav -t raw -r 16000 -e signed -b 16 -c 1 - | vqaudio stream encode | vqaudio stream decode \\
        | sox -t raw -r 16000 -e signed -b 16 -c 1 - out.wav

Samples are 16-bit little-endian integers, one channel, at the codec's rate, without a header.  Codes are those of the
whole recording, bit for bit, in the format of `.codes` files (`vqaudio/tokens/wire/writing.py`): `vqaudio stream decode
< in.codes` plays one.  Every block of --block-frames frames is sent at once; with --segments a frame's code, which is
that of its segment, is sent when it is decided, up to a second later.  When a signal ends `encode`, what came before is
encoded to its end.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.segments import add_segments_argument, segments_of

if TYPE_CHECKING:
    from threading import Event

    import numpy as np

    from vqaudio.codec.live import LiveDecoder
    from vqaudio.tokens.wire.reading import CodesReader

SAMPLE_BYTES = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("direction", metavar="encode|decode", choices=("encode", "decode"))
    codec = "encode: a shipped codec or a folder, speech-16k if none is named; decode: where the codes' own codec is"
    parser.add_argument("--codec", metavar="NAME|DIR", help=codec)
    parser.add_argument("--codebooks", metavar="K", type=int, help="of the first K codebooks only (default: all)")
    add_segments_argument(parser)
    block = "frames computed at a time (default: 1); more cost less and come later, and the codes stay the same"
    parser.add_argument("--block-frames", metavar="N", type=int, default=1, help=block)
    voice = "decode, of a codec with speaker conditioning: a speaker that it knows, or a recording of any"
    parser.add_argument("--speaker", metavar="ID|REFERENCE.wav", help=voice)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")


def run(args: argparse.Namespace) -> int:
    """Encode or decode a stream; 0 when it came to its end, 128 + N after signal N."""
    from vqaudio.cli.terminal.interruption import stop_on_signals

    with stop_on_signals() as stop, one_thread():
        (encode if args.direction == "encode" else decode)(args, stop)
        if stop.is_set():
            print("stopped; what came before is there", file=sys.stderr)
            return stop.exit_status
    return 0


def encode(args: argparse.Namespace, stop: "Event") -> None:
    """Encode samples to codes.  Raises VqaudioError, once all is sent, for a last sample that is half there."""
    import numpy as np

    from vqaudio.cli.terminal.pipes import arriving, require_pipes, send
    from vqaudio.codec.live import open_stream
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.stamps import stamp_of
    from vqaudio.tokens.wire.writing import CodesWriter

    if args.speaker is not None:
        raise VqaudioError("--speaker is for `stream decode`: codes have no voice until they are decoded")
    require_pipes("samples", "codes")
    name, segments = args.codec or "speech-16k", segments_of(args)
    stream = open_stream(name, args.codebooks, args.block_frames, device=args.device, segments=segments)
    encoder, writer, rest = stream.encoder, CodesWriter(stamp_of(stream.codec, args.codebooks, segments)), b""
    send(writer.header())
    for content in arriving(stop):
        content = rest + content
        whole = len(content) - len(content) % SAMPLE_BYTES
        rest = content[whole:]
        send(writer.blocks(encoder.push(np.frombuffer(content[:whole], dtype="<i2"))))
    send(writer.blocks(encoder.finish()) + writer.end(encoder.num_samples))
    if rest:
        raise VqaudioError(
            f"the input ended in the middle of a sample: of {SAMPLE_BYTES * encoder.num_samples + len(rest)} bytes the "
            "last was left out; wanted 16-bit samples without a header"
        )


def decode(args: argparse.Namespace, stop: "Event") -> None:
    """Decode codes to samples.

    Raises VqaudioError, once the sound of all that came is sent, for a stream that is damaged or truncated.
    """
    from vqaudio.audio.samples import to_int16
    from vqaudio.cli.terminal.pipes import require_pipes, send
    from vqaudio.core.errors import VqaudioError
    from vqaudio.tokens.wire.reading import CodesReader

    require_pipes("codes", "samples")
    reader = CodesReader("standard input")
    decoder = failure = None
    try:
        for codes in received(reader, stop):
            decoder = decoder or open_decoder(args, reader)
            send(to_int16(decoder.push(codes[: args.codebooks])).astype("<i2").tobytes())
    except VqaudioError as error:
        if decoder is None:
            raise
        failure = error
    if decoder is not None:
        send(to_int16(decoder.finish(reader.num_samples)).astype("<i2").tobytes())
    if failure is not None:
        raise failure


def received(reader: "CodesReader", stop: "Event") -> "Iterator[np.ndarray]":
    """Yield codes `k t` from standard input.  Raises what the reader raises, at the end too."""
    from vqaudio.cli.terminal.pipes import arriving

    for content in arriving(stop):
        yield from reader.feed(content)
    if not stop.is_set():
        reader.finish()


def open_decoder(args: argparse.Namespace, reader: "CodesReader") -> "LiveDecoder":
    """Open the codec that the header names.  Raises VqaudioError if it is not at hand, or has no streams."""
    from vqaudio.cli.recordings.decode import voice_of
    from vqaudio.codec.live import open_stream
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.stamps import open_stamped_speaking

    stamp = reader.stamp
    assert stamp is not None, "codes come after their header"
    if args.codebooks is not None and not 1 <= args.codebooks <= stamp.num_codebooks:
        raise VqaudioError(f"the stream has {stamp.num_codebooks} codebooks, got --codebooks {args.codebooks}")
    codec = open_stamped_speaking(stamp, args.codec, args.device)
    voice = voice_of(codec, args.speaker)
    embedding = None if voice is None else voice.embedding
    return open_stream(codec, block_frames=args.block_frames, embedding=embedding).decoder


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread: of so small blocks more would wait for each other."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
