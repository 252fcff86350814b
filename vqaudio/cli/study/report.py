"""`vqaudio report CODEC WAV_DIR --out report.html`: one page to hear, see and judge a codec; it needs no network.

For example:

    vqaudio report speech-16k data/samples --out report.html
"""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.study.evaluate import add_codec_arguments
from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vqaudio.core.protocols import AudioTokenizer
    from vqaudio.jobs.evaluate.reference_codecs import ReferenceCodec
    from vqaudio.jobs.evaluate.report import Report
    from vqaudio.jobs.page.listening import Decodings
    from vqaudio.jobs.page.probe_section import ProbeFindings
    from vqaudio.jobs.sources import Source

LARGEST_BYTES = 15_000_000  # what browsers on phones and mail take without trouble


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("codec", metavar="CODEC", help="a shipped codec's name or a saved codec's folder")
    parser.add_argument("audio", type=path_of, metavar="WAV_DIR", help="folder of speech files, searched through")
    parser.add_argument(
        "--out", type=path_of, metavar="FILE", required=True, help="the page to write, such as report.html"
    )
    parser.add_argument(
        "--num-utterances", type=int, default=6, metavar="N", help="recordings on the page (default: 6)"
    )
    parser.add_argument("--list", type=path_of, metavar="FILE", help="choose among these: a path below WAV_DIR a line")
    parser.add_argument(
        "--codebooks", type=int, nargs="+", metavar="K", help="one player each (default: 1 2 4 ... all)"
    )
    texts = "what is said: CSV with the columns path and text, or a token store (default: WAV_DIR/metadata.csv, if any)"
    parser.add_argument("--metadata", type=path_of, metavar="CSV|TOKENS", help=texts)
    add_codec_arguments(parser)
    evaluation = "what `vqaudio evaluate --json` wrote about this codec (default: the page's files are measured)"
    parser.add_argument("--evaluation", type=path_of, metavar="JSON", help=evaluation)
    parser.add_argument("--training", type=path_of, metavar="JSONL", help="log.jsonl of the training, for its curve")
    probe = "what `vqaudio probe --out DIR` wrote about this codec: its tables and pictures join the page"
    parser.add_argument("--probe", type=path_of, metavar="DIR|JSON", help=probe)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="scoring processes; 0: none but this")
    parser.add_argument("--device", default="cpu", help="where the codec runs")


def run(args: argparse.Namespace) -> int:
    """Decode, measure, write.  0 when every file is on the page, 2 when some could not be decoded."""
    from vqaudio.cli.study.evaluate import choose_codecs
    from vqaudio.codec.saving import open_speaking
    from vqaudio.jobs.evaluate.charts import drawing
    from vqaudio.jobs.evaluate.evaluation import choose_sources
    from vqaudio.jobs.page.document import Page, write_page
    from vqaudio.jobs.page.listening import Decodings, listen, longest_on_page, spread
    from vqaudio.jobs.page.texts import with_texts
    from vqaudio.jobs.page.training_log import read_training_log

    with drawing():  # says that matplotlib is missing before minutes are spent
        pass
    training = read_training_log(args.training) if args.training else None
    sources = spread(choose_sources(args.audio, args.list), args.num_utterances)
    sources, untold = with_texts(sources, args.audio, args.metadata)
    codec = open_speaking(args.codec, args.device)
    probe = find_probe(args.probe, codec) if args.probe else None
    coders = choose_codecs(codec, args)
    decodings = Decodings(longest_on_page(codec.grid))
    report, source = find_report(args, codec, coders, sources, decodings)
    listening = listen(codec, coders, sources, args.device, decodings)
    num_bytes = write_page(Page(codec, listening, report, source, training, probe), args.out)
    print(printable(f"{args.out}: {len(listening.utterances)} recordings, {num_bytes / 1e6:.1f} MB"))
    if num_bytes > LARGEST_BYTES:
        print(f"more than {LARGEST_BYTES / 1e6:.0f} MB is slow to open: fewer --num-utterances or --codebooks help")
    if untold:
        print(printable(untold))
    for entry in listening.failures:
        print(printable(f"left out: {entry['id']} {entry['coder']}: {entry['reason']}"))
    return 2 if listening.failures else 0


def find_probe(path: Path, codec: "AudioTokenizer") -> "ProbeFindings":
    """Read the findings of a probe.  Raises VqaudioError if they are about other weights."""
    from vqaudio.jobs.page.probe_section import read_findings
    from vqaudio.jobs.stamps import stamp_of

    findings = read_findings(path)
    findings.report.stamp.require_same(stamp_of(codec))
    return findings


def find_report(
    args: argparse.Namespace,
    codec: "AudioTokenizer",
    coders: "Sequence[ReferenceCodec]",
    sources: "Sequence[Source]",
    decodings: "Decodings",
) -> "tuple[Report, str]":
    """Read the evaluation that was given, or make one of the page's own files, and in words which it is.

    decodings: keep what is decoded for that.
    Raises VqaudioError if the one that was given is about other weights.
    """
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.evaluate.evaluation import evaluate
    from vqaudio.jobs.evaluate.report import read_report

    if args.evaluation is None:
        rate_hz = codec.grid.sample_rate_hz
        report = evaluate(coders, sources, rate_hz, num_workers=args.workers, on_made=decodings.keep)
        return report, f"Measured on the {len(sources)} recordings of this page, whole."
    report, weights_sha256 = read_report(args.evaluation)
    if weights_sha256 != codec.weights_sha256:
        raise VqaudioError(
            f"{args.evaluation} is about weights {weights_sha256[:16]}, but {codec.name} has "
            f"{codec.weights_sha256[:16]}; run `vqaudio evaluate --json` again"
        )
    return report, f"Measured on {report.num_files} files, {report.seconds / 60:.1f} minutes."
