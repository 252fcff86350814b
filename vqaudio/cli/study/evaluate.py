"""`vqaudio evaluate WAV_DIR`: a codec's quality on real files, beside its control and other codecs.

For example:

    vqaudio evaluate data/samples --codec speech-16k
    vqaudio evaluate data/samples --entropy --prior runs/frames/prior
"""

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqaudio.cli.terminal.paths import path_of

if TYPE_CHECKING:
    from vqaudio.core.protocols import AudioTokenizer
    from vqaudio.jobs.evaluate.reference_codecs import ReferenceCodec
    from vqaudio.jobs.evaluate.report import Report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("audio", type=path_of, metavar="WAV_DIR", help="folder of speech files, searched through")
    parser.add_argument("--codec", default="speech-16k", help="a shipped codec's name or a saved codec's folder")
    parser.add_argument("--codebooks", type=int, nargs="+", metavar="K", help="one row each (default: 1 2 4 ... all)")
    parser.add_argument("--list", type=path_of, metavar="FILE", help="only these files: one path below WAV_DIR a line")
    add_codec_arguments(parser)
    parser.add_argument("--metrics", nargs="+", metavar="NAME", help="pesq_wb stoi visqol mel_db ... (default: all)")
    parser.add_argument("--json", type=path_of, metavar="FILE", help="write all means, 95 %% intervals and coverage")
    parser.add_argument("--plots", type=path_of, metavar="DIR", help="draw rate_distortion.png and .svg into it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="scoring processes; 0: none but this")
    parser.add_argument("--device", default="cpu", help="where the codec runs")


def add_codec_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that say what a codec is compared with; `choose_codecs` reads them."""
    parser.add_argument(
        "--against",
        action="append",
        default=[],
        metavar="CODER",
        help="opus:6, codec2:3200, 'NAME=COMMAND'; repeatable",
    )
    unquantized = "one row more: encoder and decoder without quantizer, the ceiling of any codebooks"
    parser.add_argument("--unquantized", action="store_true", help=unquantized)
    entropy = "columns more: kbit/s of the codes under a model that learns as it codes, and under --prior"
    parser.add_argument("--entropy", action="store_true", help=entropy)
    prior = "a frame prior of the codec, trained by recipes/train_frames.py; implies --entropy"
    parser.add_argument("--prior", type=path_of, metavar="DIR", help=prior)
    control = "folder of decodings of these files, as recipes/benchmarks/mel_control.py writes it; repeatable"
    parser.add_argument("--control", type=path_of, action="append", default=[], metavar="DIR", help=control)


def run(args: argparse.Namespace) -> int:
    """Evaluate, print the tables, write the JSON.  0 when every file was scored, 2 when some were left out."""
    from vqaudio.cli.terminal.evaluation_table import print_report
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.codec.saving import open_speaking
    from vqaudio.jobs.evaluate.evaluation import choose_sources, evaluate

    sources = choose_sources(args.audio, args.list)
    codec = open_speaking(args.codec, args.device)
    coders, rate_hz = choose_codecs(codec, args), codec.grid.sample_rate_hz
    with shown(RunProgress(len(sources), len(sources))) as progress:

        def show(audio_s: float) -> None:
            progress.finish_file(1)
            progress.update(audio_s)

        report = evaluate(coders, sources, rate_hz, metrics=args.metrics, num_workers=args.workers, on_file=show)
    print_report(report)
    if args.json:
        write_json(args.json, report, codec)
    if args.plots:
        from vqaudio.jobs.evaluate.charts import write_rate_distortion

        write_rate_distortion(report, args.plots)
    return 2 if report.failures else 0


def choose_codecs(codec: "AudioTokenizer", args: argparse.Namespace) -> "list[ReferenceCodec]":
    """Choose what is compared: the codec at each number of codebooks, then the controls, then the outside programs."""
    from vqaudio.jobs.evaluate.outside_codecs import parse_reference_codec
    from vqaudio.jobs.evaluate.reference_codecs import FolderCodec, TokenizerCodec

    rate_hz = codec.grid.sample_rate_hz
    doubling = [1 << power for power in range(codec.num_codebooks.bit_length())]
    num_codebooks = args.codebooks or sorted({*doubling, codec.num_codebooks})
    meter = None
    if args.entropy or args.prior:
        from vqaudio.jobs.evaluate.entropy import EntropyMeter
        from vqaudio.prior.frame_saving import open_frame_prior

        meter = EntropyMeter(codec, open_frame_prior(args.prior, args.device) if args.prior else None)
    own: list[ReferenceCodec] = [
        TokenizerCodec(codec, num_codebooks, device=args.device, has_unquantized=args.unquantized, meter=meter)
    ]
    controls = [FolderCodec(folder, rate_hz) for folder in args.control]
    return [*own, *controls, *(parse_reference_codec(text, rate_hz) for text in args.against)]


def write_json(path: Path, report: "Report", codec: "AudioTokenizer") -> None:
    """Write the report and the hash of the weights that it is about.  Raises VqaudioError if it cannot be written."""
    from vqaudio.core.durable import make_folder, replace_file

    content: dict[str, Any] = {"codec": codec.name, "weights_sha256": codec.weights_sha256, **report.to_json()}
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    make_folder(path.parent)
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
