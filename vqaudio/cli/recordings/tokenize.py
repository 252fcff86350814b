"""`vqaudio tokenize WAV_DIR --out DIR`: a folder of recordings becomes a token store.

An id tells a recording apart: for one folder the path below it, for several paths the path from the folder's name on,
for a list or a manifest (without ids of its own) the path as it is written there.  In an archive (.tar) it is the key,
in a table (.arrow, .parquet) the cell `id` or the row's number, below the path of the file unless it is the only one.

For example:

    vqaudio tokenize data/samples --out tokens/
    vqaudio tokenize --manifest data/samples/metadata.csv --codec units-16k --out units/
    vqaudio tokenize CORPUS --codec units:facebook/hubert-base-ls960 --layer 6 --kmeans km500.npy --out hubert/
    vqaudio tokenize data/samples --out segments/ --codec units-16k --segments
    vqaudio tokenize CORPUS --out pitched/ --codec runs/units-16k-pitch/codec --pitch
"""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of
from vqaudio.cli.terminal.segments import add_segments_argument, segments_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from threading import Event

    import numpy as np

    from vqaudio.codec.foreign import ForeignCodec
    from vqaudio.codec.model import Codec
    from vqaudio.codec.units.tokenizer import UnitsTokenizer
    from vqaudio.jobs.sources import Source
    from vqaudio.jobs.tokenize.file_tokenizer import Outcome, Summary
    from vqaudio.jobs.tokenize.local import LocalRun
    from vqaudio.jobs.tokenize.ray_data import RayRun
    from vqaudio.jobs.tokenize.readers import AudioFileReader
    from vqaudio.tokens.run_shard import RunShard
    from vqaudio.tokens.schema import CodecStamp, TokenRow
    from vqaudio.tokens.writer import TokenWriter


STDIN = Path("-")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "audio",
        metavar="WAV_DIR",
        type=path_of,
        nargs="*",
        help="folders, recordings, archives, tables; -: as --list -",
    )
    add_list_arguments(parser)
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder of the token store")
    parser.add_argument("--codec", metavar="NAME|DIR", default="speech-16k", help="default: speech-16k")
    parser.add_argument("--layer", metavar="L", type=int, help="of --codec units:MODEL, counted from 1")
    parser.add_argument(
        "--kmeans", metavar="FILE", type=path_of, help="of --codec units:MODEL: means, .safetensors or .npy"
    )
    parser.add_argument("--codebooks", metavar="K", type=int, help="keep only the first K codebooks (default: all)")
    add_segments_argument(parser)
    parser.add_argument(
        "--pitch", action="store_true", help="F0 beside the codes, of a codec whose decoder takes pitch"
    )
    parser.add_argument("--metadata", metavar="CSV", type=path_of, help="columns path, speaker, text: kept with codes")
    parser.add_argument("--batch-size", metavar="N", type=int, default=32, help="files in flight (default: 32)")
    parser.add_argument("--workers", metavar="N", type=int, help="decoder processes (default: by the CPUs; 0: none)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this machine, or a Ray cluster whose workers see the same paths (extra: ray); --workers: actors there",
    )
    parser.add_argument(
        "--ray-address", metavar="HOST:PORT", help="of a cluster that runs (default: one on this machine)"
    )
    parser.add_argument(
        "--shard",
        metavar="I/N",
        help="every N-th recording, from number I on (0 to N-1), into DIR/shard-I-of-N, for `vqaudio merge` to join; "
        "auto: as a Slurm array or torchrun says",
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--resume", action="store_true", help="continue the store in DIR, or start it")
    modes.add_argument("--overwrite", action="store_true", help="replace the store in DIR")
    parser.add_argument("--max-failures", metavar="N", type=int, default=0, help="exit 2 above this (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def add_list_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options that name recordings in a file."""
    parser.add_argument("--list", metavar="FILE", type=path_of, help="a path of a recording on each line; -: stdin")
    parser.add_argument(
        "--manifest",
        metavar="FILE",
        type=path_of,
        help="CSV, TSV, JSONL (lhotse's too) or Parquet: path, and id, start, duration (seconds), speaker, text",
    )


def run(args: argparse.Namespace) -> int:
    """Tokenize recordings; 0 when all went well, 2 with more failures than --max-failures, 128 + N after signal N."""
    from vqaudio.cli.terminal.interruption import stop_on_signals
    from vqaudio.cli.terminal.outcomes import keep_outcomes, print_summary, require_counts
    from vqaudio.codec.units.naming import units_name

    require_counts(args, batch_size=1, workers=0, codebooks=1, max_failures=0)
    args.codec = units_name(args.codec, args.layer, args.kmeans)
    sources, run_shard = own_recordings(args)
    if run_shard is not None:
        args.out = args.out / run_shard.name
    with ExitStack() as stack:
        start_s = time.monotonic()
        readers = []
        if args.engine == "local":
            readers = start_readers(args.workers, len(sources), stack)  # they start while torch is imported
        from vqaudio.codec.saving import open_tokenizer

        codec = open_tokenizer(args.codec, args.device)
        stop = stack.enter_context(stop_on_signals())  # before, there is nothing to keep: a signal ends the program
        writer, summary, run = prepare(args, codec, sources, run_shard, readers, stop, stack)

        def keep(outcome: "Outcome") -> None:
            write_outcome(outcome, writer)
            summary.add(outcome)

        def outcomes(on_wait: "Callable[[], None]") -> "Iterator[Outcome]":
            def wait() -> None:
                on_wait()
                writer.save_if_due()

            return run.outcomes(wait)

        rate_hz = summary.stamp.sample_rate_hz
        keep_outcomes(outcomes, keep, run.sources, lambda: run.num_samples_fed / rate_hz, is_quiet=args.quiet)
        stack.close()  # threads, processes and the store's last shard
        return print_summary(
            summary,
            time.monotonic() - start_s,
            f"store     {args.out}",
            is_quiet=args.quiet,
            max_failures=args.max_failures,
            stop=stop,
            kept="what is finished is in the store",
            reasons=args.out / "failures.jsonl",
        )


def own_recordings(args: argparse.Namespace) -> "tuple[list[Source], RunShard | None]":
    """Find the recordings of this run with their metadata: those that --shard deals to it, or all and None."""
    from vqaudio.jobs.tokenize.metadata import with_metadata
    from vqaudio.jobs.tokenize.sharding import deal, require_one_run

    sources = named_sources(args)
    if args.metadata:
        sources = with_metadata(sources, args.metadata)
    if args.shard is None:
        return sources, None
    sources, run_shard = deal(sources, args.shard, os.environ)
    require_one_run(args.out, run_shard)
    return sources, run_shard


def named_sources(args: argparse.Namespace) -> "list[Source]":
    """Find the recordings that the command line names in one of three ways.

    Raises VqaudioError if it names none, or in several ways, or what it names is wrong.
    """
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.tokenize.inputs import sources_of_list, sources_of_paths
    from vqaudio.jobs.tokenize.manifest import sources_of_manifest

    paths = args.audio or []
    if sum(map(bool, (paths, args.list, args.manifest))) != 1:
        raise VqaudioError("name the recordings in one way: folders and files, or - or --list FILE, or --manifest FILE")
    if args.manifest:
        return sources_of_manifest(args.manifest)
    if STDIN in paths and len(paths) > 1:
        raise VqaudioError("- (paths on stdin) stands alone; put all paths there; a file - needs its full path")
    if STDIN in (args.list, *paths):
        return sources_of_list(sys.stdin.buffer.read(), "stdin")
    if args.list:
        try:
            return sources_of_list(args.list.read_bytes(), str(args.list))
        except OSError as error:
            raise VqaudioError(f"{args.list} cannot be read: {error.strerror}") from None
    return sources_of_paths(paths)


def start_readers(num_workers: int | None, num_files: int, stack: ExitStack) -> "list[AudioFileReader]":
    """Start AudioFileReader processes, no more than files; one decoder in this process for 0."""
    from vqaudio.jobs.tokenize.readers import InlineReader, ProcessReader, default_num_workers

    wanted = default_num_workers() if num_workers is None else num_workers
    if wanted == 0:
        return [InlineReader()]
    readers = [ProcessReader() for _ in range(min(wanted, num_files))]
    for decoder in readers:
        stack.callback(decoder.close)
    return list(readers)


def prepare(
    args: argparse.Namespace,
    codec: "Codec | ForeignCodec | UnitsTokenizer",
    sources: "list[Source]",
    run_shard: "RunShard | None",
    readers: "list[AudioFileReader]",
    stop: "Event",
    stack: ExitStack,
) -> "tuple[TokenWriter, Summary, LocalRun | RayRun]":
    """Open the store and leave out what it has."""
    from vqaudio.jobs.codec_streams import pitch_steps_of, tokenizer_of
    from vqaudio.jobs.stamps import stamp_of
    from vqaudio.jobs.tokenize.file_tokenizer import Summary
    from vqaudio.jobs.tokenize.local import LocalRun
    from vqaudio.tokens.writer import TokenWriter

    beside = {"segments": segments_of(args), "pitch_steps": pitch_steps_of(codec) if args.pitch else 0}
    stamp = stamp_of(codec, args.codebooks, **beside)
    tokenizer, num_threads = tokenizer_of(codec, args.codebooks, **beside)
    mode = "resume" if args.resume else "overwrite" if args.overwrite else "new"
    writer = stack.enter_context(TokenWriter(args.out, stamp, mode=mode, run_shard=run_shard))
    todo = [source for source in sources if not writer.has_row(source.id)]
    num_before = len(sources) - len(todo)
    if args.engine == "ray":
        from vqaudio.jobs.tokenize.ray_data import RayRun

        options = {"device": args.device, "num_workers": args.workers, "address": args.ray_address, "stop": stop}
        return writer, Summary(num_before, stamp=stamp), RayRun(todo, args.codec, stamp, **options)
    run = LocalRun(
        todo,
        tokenizer,
        readers,
        num_threads=num_threads,
        num_in_flight=args.batch_size,
        stop=stop,
        on_early=lambda outcome: save_early(outcome, writer),
    )
    return writer, Summary(num_before, stamp=stamp), run


def write_outcome(outcome: "Outcome", writer: "TokenWriter") -> None:
    """Write a row if there are codes, a failure if not."""
    if outcome.codes is None:
        writer.fail(outcome.source.id, outcome.reason or "", num_bytes=outcome.source.num_bytes)
    else:
        writer.append(row_of(outcome, outcome.codes, writer.stamp))


def save_early(outcome: "Outcome", writer: "TokenWriter") -> None:
    """Save a row that waits for those of earlier files; a failure is found again."""
    if outcome.codes is not None:
        writer.save_early(row_of(outcome, outcome.codes, writer.stamp))


def row_of(outcome: "Outcome", codes: "np.ndarray", stamp: "CodecStamp") -> "TokenRow":
    """Make the row of a recording with codes `k t`."""
    from vqaudio.tokens.schema import TokenRow

    source, seconds = outcome.source, outcome.num_samples / stamp.sample_rate_hz
    facts = (outcome.num_samples, outcome.source_rate_hz, seconds)
    pitch = {"pitch": outcome.pitch, "pitch_median_hz": outcome.pitch_median_hz}
    return TokenRow(source.id, codes, *facts, source.speaker, source.text, **pitch)
