"""Compare codecs on the same recordings: bitrate, quality, phones, speed, exact lengths, codes in batches, start-up.

For example:

    vqaudio compare speech-16k units-16k --audio data/samples --against opus:8
    vqaudio compare speech-16k runs/mine hf:facebook/encodec_24khz --audio DIR --alignments DIR --plots plots/
    vqaudio compare speech-16k --peers hf:kyutai/mimi --audio DIR --metrics none

Scores are at 16 kHz; codecs of other rates hear resampled sound.  Speeds are those of this machine, relative to the
first codec's, one recording at a time.  `length` and `in batches` of codecs of transformers are those of the model's
own calls: behind the commands of vqaudio both are exact.  Units are told as vqaudio makes them, never in a batch.
"""

import argparse
import json
import os
import sys
from pathlib import Path

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    codecs = "shipped codecs by name, folders of saved ones or of units, hf:DIR_OR_ID, units:MODEL,layer=6,kmeans=FILE"
    parser.add_argument("codecs", nargs="+", metavar="CODEC", help=codecs)
    parser.add_argument("--audio", type=path_of, required=True, metavar="DIR", help="folder of recordings of speech")
    parser.add_argument("--list", type=path_of, metavar="FILE", help="only these files: one path below DIR a line")
    against = "opus:6, codec2:3200, 'NAME=COMMAND'; repeatable"
    parser.add_argument("--against", action="append", default=[], metavar="CODER", help=against)
    peers = "further codecs, of which only speed, lengths, batches and start-up are told: any weights will do"
    parser.add_argument("--peers", nargs="+", default=[], metavar="CODEC", help=peers)
    parser.add_argument(
        "--metrics", nargs="+", metavar="NAME", help="as of vqaudio evaluate, or none (default: pesq_wb stoi visqol)"
    )
    alignments = "phones of the recordings: PNMI of the first codebook, see vqaudio probe"
    parser.add_argument("--alignments", type=path_of, metavar="DIR", help=alignments)
    parser.add_argument("--labels", default="arpabet-39", metavar="SET", help="see vqaudio probe")
    timed = "recordings for speed and batches, spread over all (default: 8)"
    parser.add_argument("--timed", type=int, default=8, metavar="N", help=timed)
    parser.add_argument("--json", type=path_of, metavar="FILE", help="write everything that was measured")
    parser.add_argument("--plots", type=path_of, metavar="DIR", help="draw rate_distortion.png and .svg into it")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="scoring processes; 0: none but this")


def run(args: argparse.Namespace) -> int:
    """Compare, print the table, write the JSON and the plot.  0 when every recording was scored, else 2."""
    from vqaudio.cli.terminal.comparison_table import print_comparison
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.compare.comparison import CompareOptions, compare
    from vqaudio.jobs.evaluate.evaluation import choose_sources

    if args.timed < 1:
        raise VqaudioError(f"--timed must be 1 or more, got {args.timed}")
    metrics = args.metrics and (() if args.metrics == ["none"] else tuple(args.metrics))
    options = CompareOptions(
        against=tuple(args.against),
        peers=tuple(args.peers),
        metrics=metrics,
        alignments=args.alignments,
        labels=args.labels,
        num_timed=args.timed,
        num_workers=args.workers,
    )
    sources = choose_sources(args.audio, args.list)
    with shown(RunProgress(len(sources), len(sources))) as progress:

        def show(audio_s: float) -> None:
            progress.finish_file(1)
            progress.update(audio_s)

        def tell(what: str) -> None:
            print(f"vqaudio: {printable(what)}", file=sys.stderr)

        found = compare(args.codecs, sources, options, on_step=tell, on_file=show)
    print_comparison(found)
    if args.json:
        write_json(args.json, found.to_json())
    if args.plots and found.report is not None:
        from vqaudio.jobs.evaluate.charts import write_rate_distortion

        write_rate_distortion(found.report, args.plots)
    return 2 if found.report is not None and found.report.failures else 0


def write_json(path: Path, content: dict[str, object]) -> None:
    """Write what was measured.  Raises VqaudioError if it cannot be written."""
    from vqaudio.core.durable import make_folder, replace_file

    make_folder(path.parent)
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    replace_file(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
