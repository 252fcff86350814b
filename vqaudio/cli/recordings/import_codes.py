"""`vqaudio import SOURCE --out STORE`: codes that were made elsewhere become a token store, to probe and to export.

SOURCE is known by its looks, or by --format:

    npy       a folder of .npy, `frames` or `codebooks x frames` (--axes tk: frames first); ids are paths
    fairseq   units.km, with units.tsv beside it (the root, then path, tab, samples)
    gslm      lines name|17 17 3, or dictionaries with "audio" and "hubert"
    kaldi     lines name 17 17 3
    jsonl     objects with "id" or "audio" and "codes" or "units": lists, or text such as 17 17 3 and <17><17><3>
    lhotse    cuts or recordings with a temporal array in numpy files (--codes-key: its name in custom)
    parquet   columns as in jsonl

For example:

    vqaudio import units.km --out hubert/ --rate 16000 --hop 320 --codebook-size 500 --name hubert-km500
    vqaudio probe hubert/ --alignments textgrids/

Units whose repeats were merged have no place in time: they need their durations (--durations-key).  The recordings'
lengths are those of the source, or of --audio DIR, else whole frames.  What is broken is a failure, and stops nothing.
"""

import argparse
import sys
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from vqaudio.jobs.importing.run import ImportSummary
    from vqaudio.tokens.schema import CodecStamp

MAX_TOLD = 20  # failures that are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("sources", metavar="SOURCE", type=path_of, nargs="+", help="files or folders of codes")
    parser.add_argument("--out", metavar="STORE", type=path_of, required=True, help="folder of the new token store")
    parser.add_argument("--rate", metavar="HZ", type=int, required=True, help="of the audio, samples a second")
    parser.add_argument("--hop", metavar="N", type=int, required=True, help="samples from one frame to the next")
    parser.add_argument("--codebook-size", metavar="V", type=int, required=True, help="codes are 0 to V - 1")
    parser.add_argument("--name", required=True, help="of what made the codes, for tables")
    known = ("npy", "fairseq", "gslm", "kaldi", "jsonl", "lhotse", "parquet")
    parser.add_argument("--format", choices=known, help="of SOURCE, where its looks do not say")
    parser.add_argument("--axes", choices=("kt", "tk"), default="kt", help="codebooks or frames first (default: kt)")
    parser.add_argument("--id-key", metavar="NAME", help="of ids, in jsonl and parquet (else id, audio, file ...)")
    parser.add_argument("--codes-key", metavar="NAME", help="of codes (else codes, units, tokens, hubert ...)")
    parser.add_argument("--durations-key", metavar="NAME", help="of the frames of each unit (else durations)")
    parser.add_argument("--is-merged", action="store_true", help="repeats are merged: refused without durations")
    parser.add_argument("--audio", metavar="DIR", type=path_of, help="the recordings, for their lengths and ids")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the store in STORE, once the new one is whole"
    )
    parser.add_argument("--max-failures", metavar="N", type=int, default=0, help="exit 2 above this (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Import codes; 0 when all went well, 2 with more failures than --max-failures."""
    from vqaudio.cli.terminal.outcomes import EXIT_FAILURES, require_counts
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.units import FrameGrid
    from vqaudio.jobs.importing.objects import Keys
    from vqaudio.jobs.importing.run import ImportOptions, require_room, stamp_for, survey, write_store

    require_counts(args, rate=1, hop=1, codebook_size=1, max_failures=0)
    if args.is_merged and not args.durations_key:
        raise VqaudioError(
            "units whose repeats were merged have no place in time; give the frames of each with --durations-key, or "
            "make the units again without merging"
        )
    keys = Keys(args.id_key, args.codes_key, args.durations_key)
    grid = FrameGrid(args.rate, args.hop)
    options = ImportOptions(args.name, grid, args.codebook_size, args.format, args.axes, keys, args.audio)
    require_room(args.out, is_overwriting=args.overwrite)
    summary, audio_s = survey(args.sources, options), 0.0
    stamp = stamp_for(options, summary)
    with shown(RunProgress(summary.num_rows, summary.num_rows, is_quiet=args.quiet)) as progress:

        def count(seconds: float) -> None:
            nonlocal audio_s
            audio_s += seconds
            progress.finish_file(1)
            progress.update(audio_s)

        write_store(args.sources, args.out, options, stamp, count)
    say(args, stamp, summary)
    if len(summary.failures) > args.max_failures:
        failed = f"{len(summary.failures)} rows failed, --max-failures is {args.max_failures}"
        print(printable(f"{failed}; the reasons are in {args.out / 'failures.jsonl'}"), file=sys.stderr)
        return EXIT_FAILURES
    return 0


def say(args: argparse.Namespace, stamp: "CodecStamp", summary: "ImportSummary") -> None:
    """Print the counts, and what failed."""
    if args.quiet:
        return
    for row in summary.failures[:MAX_TOLD]:
        print(printable(f"failed: {row.place} {row.reason}"), file=sys.stderr)
    if not summary.num_repeats and summary.num_frames > summary.num_rows:
        print("warning: no code repeats the one before it; merged units have no place in time", file=sys.stderr)
    print(f"rows      {summary.num_rows:,} imported, {len(summary.failures):,} failed")
    print(f"audio     {summary.audio_s / 3600:.2f} h")
    books = f"{stamp.num_codebooks} codebooks at {stamp.frame_rate_hz:g} Hz"
    print(f"codes     {summary.num_frames * stamp.num_codebooks:,}: {books}")
    if summary.num_cut:
        print(f"lengths   {summary.num_cut:,} have a frame or two more or fewer than their recordings")
    print(printable(f"store     {args.out}"))
