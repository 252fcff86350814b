"""`vqaudio encode IN.wav OUT.codes`: one recording becomes one file of codes; `vqaudio decode` turns it back.

For example:

    vqaudio encode in.wav out.codes
    vqaudio encode in.mp3 out.codes --codebooks 2 --start 3.5 --end 12

The codes are those of `vqaudio tokenize`, bit for bit.  The format is that of `vqaudio stream`, and
`vqaudio/tokens/wire/writing.py` describes it; `vqaudio info OUT.codes` says which codec made them.
"""

import argparse
import sys

from vqaudio.cli.terminal.paths import path_of
from vqaudio.cli.terminal.segments import add_segments_argument, segments_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("audio", metavar="IN.wav", type=path_of, help="a recording, of any format that tokenize reads")
    parser.add_argument("out", metavar="OUT.codes", type=path_of, help="file to write")
    parser.add_argument("--codec", metavar="NAME|DIR", default="speech-16k", help="a shipped codec or a folder")
    parser.add_argument("--codebooks", metavar="K", type=int, help="the first K codebooks only (default: all)")
    add_segments_argument(parser)
    parser.add_argument("--start", metavar="S", type=float, default=0.0, help="from this second on (default: 0)")
    parser.add_argument("--end", metavar="S", type=float, help="up to this second, or to the end")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there already")
    parser.add_argument("--quiet", action="store_true", help="do not print what was written")


def run(args: argparse.Namespace) -> int:
    """Encode a recording; 0 when all went well.  Raises VqaudioError if it cannot be read or written."""
    from vqaudio.cli.terminal.paths import require_free
    from vqaudio.codec.saving import open_tokenizer
    from vqaudio.core.printable import printable
    from vqaudio.jobs.one_recording import encode_recording
    from vqaudio.tokens.wire.file import write_codes
    from vqaudio.tokens.wire.writing import SUFFIX

    require_free(args.out, SUFFIX, args.audio, is_overwriting=args.overwrite)
    codec = open_tokenizer(args.codec, args.device)
    times, segments = {"start_s": args.start, "end_s": args.end}, segments_of(args)
    content, warnings = encode_recording(codec, args.audio, args.codebooks, **times, segments=segments)
    write_codes(args.out, content)
    for warning in warnings:
        print(printable(f"warning: {args.audio}: {warning}"), file=sys.stderr)
    if not args.quiet:
        num_codebooks, num_frames = content.codes.shape
        seconds = content.num_samples / content.stamp.sample_rate_hz
        print(printable(f"{args.out}: {seconds:.2f} s, {num_frames:,} frames of {num_codebooks} codes"))
    return 0
