"""`vqaudio features CODEC --audio DIR --out DIR`: the vectors of every recording as .npy, frames x width, float32.

CODEC is one of vqaudio, whose vectors before (`--kind encoder`) or after (`codebook`) a codebook are written, or
units:MODEL with --layer: hidden states of HuBERT, WavLM, wav2vec 2.0, those of a direct call.  features.json says how
many there are a second and where the first one stands.

For example:

    vqaudio features units-16k --audio data/samples --out features/
    vqaudio features units:facebook/hubert-base-ls960 --layer 6 --audio CORPUS --out features/

`vqaudio probe TOKENS --features features/` reads them, and so does fastabx, beside what `probe --with abx --out DIR`
writes:

    from fastabx import zerospeech_abx
    zerospeech_abx("DIR/phones.item", "features/", max_size_group=10, max_x_across=5, speaker="across", frequency=50,
                   feature_maker=lambda path: torch.from_numpy(numpy.load(path)), extension=".npy")
"""

import argparse
import time
from contextlib import ExitStack

from vqaudio.cli.terminal.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("codec", metavar="CODEC", help="name or folder of a codec, or units:MODEL")
    parser.add_argument(
        "--audio", metavar="DIR", type=path_of, required=True, help="recordings, as tokenize takes them"
    )
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder for the features")
    parser.add_argument(
        "--kind", choices=("encoder", "codebook"), default="encoder", help="of a codec's vectors (default: encoder)"
    )
    parser.add_argument("--codebook", metavar="K", type=int, default=0, help="of a codec, counted from 0 (default: 0)")
    parser.add_argument("--layer", metavar="L", type=int, help="of units:MODEL, counted from 1")
    parser.add_argument("--workers", metavar="N", type=int, help="decoder processes (default: by the CPUs; 0: none)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument(
        "--resume", action="store_true", help="go on with the folder, leaving out what is there and whole"
    )
    modes.add_argument("--overwrite", action="store_true", help="write all features anew")
    parser.add_argument("--max-failures", metavar="N", type=int, default=0, help="exit 2 above this (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Write features; 0 when all went well, 2 with more failures than --max-failures, 128 + N after signal N."""
    from vqaudio.cli.recordings.tokenize import start_readers
    from vqaudio.cli.terminal.interruption import stop_on_signals
    from vqaudio.cli.terminal.outcomes import keep_outcomes, print_summary, require_counts
    from vqaudio.jobs.features.folder import FeatureFolder
    from vqaudio.jobs.features.run import VectorSummary, vector_run
    from vqaudio.jobs.features.vectors import open_vectors
    from vqaudio.jobs.tokenize.file_tokenizer import Outcome
    from vqaudio.jobs.tokenize.inputs import sources_of_paths

    require_counts(args, workers=0, max_failures=0)
    sources, start_s = sources_of_paths([args.audio]), time.monotonic()
    options = {"kind": args.kind, "codebook": args.codebook, "layer": args.layer}
    vectors = open_vectors(args.codec, **options, device=args.device)
    mode = "resume" if args.resume else "overwrite" if args.overwrite else "new"
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        folder = stack.enter_context(FeatureFolder(args.out, vectors.facts, sources, mode))
        readers = start_readers(args.workers, len(folder.todo), stack)
        summary = VectorSummary(folder.num_before, facts=vectors.facts)
        run = vector_run(folder.todo, vectors, folder.write, readers=readers, device=args.device, stop=stop)

        def keep(outcome: Outcome) -> None:
            folder.finish(outcome)
            summary.add(outcome)

        rate_hz = vectors.facts.sample_rate_hz
        keep_outcomes(run.outcomes, keep, folder.todo, lambda: run.num_samples_fed / rate_hz, is_quiet=args.quiet)
        stack.close()
        return print_summary(
            summary,
            time.monotonic() - start_s,
            f"features  {args.out}",
            is_quiet=args.quiet,
            max_failures=args.max_failures,
            stop=stop,
            kept="the features that are there are whole",
            reasons=args.out / "failures.jsonl",
        )
