"""`vqaudio kmeans units:MODEL --audio DIR -k 500 --out DIR`: means of a speech model's hidden states, for its units.

By scikit-learn's mini-batch k-means on a random share of the frames.  DIR is then a codec by its path: `--codec DIR`.
In place of a model and recordings a folder of features stands, as `vqaudio features` writes it, or any folder of .npy:
of these the means alone are written, if features.json does not say which model and layer they are of.

For example:

    vqaudio kmeans units:facebook/hubert-base-ls960 --layer 6 --audio CORPUS -k 500 --out runs/hubert-500
    vqaudio tokenize CORPUS --codec runs/hubert-500 --out tokens/
"""

import argparse
import sys
import time
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of

if TYPE_CHECKING:
    from vqaudio.jobs.features.means import FrameSample
    from vqaudio.jobs.features.vectors import FeatureFacts, Vectors
    from vqaudio.jobs.sources import Source
    from vqaudio.jobs.tokenize.file_tokenizer import Outcome

EXIT_FAILURES = 2  # a status above it is that of a run that was stopped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "source", metavar="units:MODEL|FEATURES", help="a model of transformers, or a folder of features"
    )
    parser.add_argument("--audio", metavar="DIR", type=path_of, help="recordings for units:MODEL")
    parser.add_argument("--layer", metavar="L", type=int, help="of units:MODEL, counted from 1")
    parser.add_argument("-k", metavar="K", type=int, dest="num_means", required=True, help="number of means")
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder for the means")
    most = "fitted to at most so many frames (default: 300,000, which are 0.9 GB of 768 numbers)"
    parser.add_argument("--max-frames", metavar="N", type=int, default=300_000, help=most)
    parser.add_argument(
        "--share", metavar="X", type=float, default=1.0, help="of all frames, above 0 to 1 (default: 1)"
    )
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="of the sample and the start (default: 0)")
    parser.add_argument("--workers", metavar="N", type=int, help="decoder processes (default: by the CPUs; 0: none)")
    parser.add_argument("--device", default="cpu", help="of the model: cpu or cuda (default: cpu)")
    parser.add_argument("--overwrite", action="store_true", help="replace the means in DIR")
    parser.add_argument("--max-failures", metavar="N", type=int, default=0, help="exit 2 above this (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Fit and write means; 0 when all went well, 2 with more failures than --max-failures, 128 + N after signal N."""
    from vqaudio.cli.terminal.outcomes import require_counts
    from vqaudio.codec.locate import UNITS_PREFIX
    from vqaudio.codec.units.naming import CENTROIDS, is_units_folder
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.printable import printable
    from vqaudio.jobs.features.means import FrameSample, fit_means, write_means
    from vqaudio.tokens.schema import MAX_CODEBOOK_SIZE

    require_counts(args, num_means=1, max_frames=1, workers=0, max_failures=0, seed=0)
    if args.num_means > MAX_CODEBOOK_SIZE:
        raise VqaudioError(f"-k {args.num_means} is above {MAX_CODEBOOK_SIZE}, the most that a token store keeps")
    if (args.out / CENTROIDS).exists() and not args.overwrite:
        raise VqaudioError(f"{args.out / CENTROIDS} is there already; choose another --out, or --overwrite")
    if (args.out / "config.json").exists() and not is_units_folder(args.out):
        raise VqaudioError(f"{args.out} holds something else, by its config.json; choose another --out")
    sample = FrameSample(args.max_frames, args.share, args.seed)
    is_model = args.source.startswith(UNITS_PREFIX)
    if is_model != (args.audio is not None) or (args.layer is not None and not is_model):
        raise VqaudioError(
            f"--audio and --layer go with {UNITS_PREFIX}MODEL, whose hidden states of recordings are read"
        )
    status, facts = sample_model(args, sample) if is_model else (0, sample_folder(args, sample))
    if status > EXIT_FAILURES:
        return status
    frames = sample.frames()
    means = fit_means(frames, args.num_means, args.seed)
    is_codec = write_means(args.out, means, facts)
    if not args.quiet:
        print(
            f"means     {len(means):,} of {means.shape[1]:,} numbers, fitted to {len(frames):,} of {sample.num_seen:,}"
        )
        use = f"--codec {args.out}" if is_codec else f"--kmeans {args.out / CENTROIDS}, with a model and its layer"
        print(printable(f"folder    {args.out}: {use}"))
    return status


def sample_model(args: argparse.Namespace, sample: "FrameSample") -> "tuple[int, FeatureFacts]":
    """Draw hidden states of recordings.  Returns the exit status, above 2 for a run that was stopped, and the facts."""
    from vqaudio.cli.recordings.tokenize import start_readers
    from vqaudio.cli.terminal.interruption import stop_on_signals
    from vqaudio.cli.terminal.outcomes import keep_outcomes, print_summary
    from vqaudio.core.durable import make_folder
    from vqaudio.jobs.features.run import VectorSummary, vector_run
    from vqaudio.jobs.features.vectors import open_vectors
    from vqaudio.jobs.tokenize.inputs import sources_of_paths
    from vqaudio.tokens.failures import FailureLog

    sources, start_s = sources_of_paths([args.audio]), time.monotonic()
    vectors = open_vectors(args.source, layer=args.layer, device=args.device)
    summary = VectorSummary(facts=vectors.facts)
    make_folder(args.out)
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        failures = stack.enter_context(FailureLog(args.out, is_fresh=True))
        readers = start_readers(args.workers, len(sources), stack)

        def draw(source: "Source", found: "Vectors") -> None:
            sample.add(str(PurePosixPath(source.id).with_suffix("")), found)  # as files of features are named

        run = vector_run(sources, vectors, draw, readers=readers, device=args.device, stop=stop)

        def keep(outcome: "Outcome") -> None:
            summary.add(outcome)
            if outcome.codes is None:
                failures.add({"id": outcome.source.id, "reason": outcome.reason or ""})

        rate_hz = vectors.facts.sample_rate_hz
        keep_outcomes(run.outcomes, keep, sources, lambda: run.num_samples_fed / rate_hz, is_quiet=args.quiet)
        stack.close()
        if stop.is_set():
            print("stopped; no means were fitted", file=sys.stderr)
            return stop.exit_status, vectors.facts
        status = print_summary(
            summary,
            time.monotonic() - start_s,
            f"recordings {args.audio}",
            is_quiet=args.quiet,
            max_failures=args.max_failures,
            stop=stop,
            kept="",
            reasons=args.out / "failures.jsonl",
        )
    return status, vectors.facts


def sample_folder(args: argparse.Namespace, sample: "FrameSample") -> "FeatureFacts | None":
    """Draw from a folder of features.  Returns their facts, where features.json says them."""
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.features.folder import feature_files, read_facts, read_vectors

    folder = Path(args.source)
    if not folder.is_dir():
        raise VqaudioError(f"{folder} is no folder of features; a model is named units:DIR or units:OWNER/NAME")
    files = list(feature_files(folder))
    with shown(RunProgress(sum(path.stat().st_size for _, path in files), len(files), is_quiet=args.quiet)) as progress:
        for name, path in files:
            try:
                sample.add(name, read_vectors(path))
            except VqaudioError as error:
                raise VqaudioError(f"{path} {str(error).removeprefix(f'{path} ')}") from None
            progress.finish_file(path.stat().st_size)
            progress.update(0.0)
    return read_facts(folder)
