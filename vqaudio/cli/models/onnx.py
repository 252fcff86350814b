"""`vqaudio onnx CODEC --out DIR`: a codec as two ONNX graphs, for programs without torch.

For example:

    vqaudio onnx speech-16k --codebooks 4 --out speech-onnx/

DIR gets encoder.onnx and decoder.onnx, which take any number of recordings and of frames at a time and hand their state
from window to window; codec.json, with their states, delays and the codec's stamp; and run.py, which tokenizes a wav
file and decodes it with numpy, soundfile and onnxruntime.  It needs the extra `onnx`, and a minute for the decoder.
"""

import argparse

from vqaudio.cli.terminal.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("codec", metavar="CODEC", help="a shipped codec's name or a codec's folder")
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder to write, new or empty")
    parser.add_argument("--codebooks", metavar="K", type=int, help="the first K codebooks only (default: all)")
    parser.add_argument("--overwrite", action="store_true", help="replace the files that are there already")
    parser.add_argument("--quiet", action="store_true", help="do not print what was written")


def run(args: argparse.Namespace) -> int:
    """Export a codec; 0 when all went well.  Raises VqaudioError if it cannot be opened or written."""
    from vqaudio.codec.saving import open_codec
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.printable import printable
    from vqaudio.export.onnx.folder import export_codec, require_onnx
    from vqaudio.jobs.stamps import stamp_of

    require_onnx()
    if args.out.exists() and (not args.out.is_dir() or (any(args.out.iterdir()) and not args.overwrite)):
        raise VqaudioError(f"{args.out} is there already; choose another --out, or --overwrite the files in it")
    codec = open_codec(args.codec)
    export_codec(codec, args.out, args.codebooks, stamp=stamp_of(codec, args.codebooks))
    if not args.quiet:
        for path in sorted(args.out.iterdir()):
            print(printable(f"{path}: {path.stat().st_size / 1e6:.1f} MB"))
    return 0
