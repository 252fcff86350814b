"""`vqaudio align WAV_DIR --text TEXT --out DIR`: TextGrids of words and phones for English recordings with a text.

By pocketsphinx and the English model in its wheel: pip install 'vqaudio[align]'.  Phones are ARPABET, pauses SIL:
`vqaudio probe TOKENS --alignments DIR` reads them as they are.

For example:

    vqaudio align data/samples --text data/samples --out textgrids/
"""

import argparse
import time
from importlib.util import find_spec
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of

if TYPE_CHECKING:
    from threading import Event

    from vqaudio.jobs.align.run import AlignRun
    from vqaudio.jobs.sources import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    text = (
        "folder of NAME.txt or NAME.lab (WAV_DIR itself, if they are beside the recordings), CSV with the columns path "
        "and text, LJSpeech's metadata.csv, or a file with lines of an id and a text"
    )
    parser.add_argument("audio", metavar="WAV_DIR", type=path_of, help="folder of recordings, or one recording")
    parser.add_argument("--text", metavar="TEXT", type=path_of, required=True, help=text)
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder for the TextGrids")
    dictionary = "further pronunciations, in the form of the CMU dictionary: woodcutters W UH D K AH T ER Z"
    parser.add_argument("--dictionary", metavar="FILE", type=path_of, help=dictionary)
    unknown = "a recording with a word that has no pronunciation fails (default), or the word becomes one +SPN+"
    parser.add_argument("--unknown-words", choices=("fail", "noise"), default="fail", help=unknown)
    parser.add_argument("--workers", metavar="N", type=int, help="aligner processes (default: one for each CPU)")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--resume", action="store_true", help="leave out recordings whose TextGrid is in DIR")
    modes.add_argument("--overwrite", action="store_true", help="replace TextGrids that are there already")
    parser.add_argument("--max-failures", metavar="N", type=int, default=0, help="exit 2 above this (default: 0)")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Align recordings; 0 when all went well, 2 with more failures than --max-failures, 128 + N after signal N."""
    from vqaudio.cli.terminal.interruption import stop_on_signals
    from vqaudio.cli.terminal.outcomes import keep_outcomes, print_summary
    from vqaudio.jobs.align.folder import AlignedFolder
    from vqaudio.jobs.align.run import AlignOutcome
    from vqaudio.jobs.align.summary import AlignSummary
    from vqaudio.jobs.align.transcripts import with_texts
    from vqaudio.jobs.sources import find_sources

    require_sense(args)
    sources = with_texts(find_sources(args.audio), args.text)
    mode = "resume" if args.resume else "overwrite" if args.overwrite else "new"
    start_s = time.monotonic()
    with stop_on_signals() as stop:
        with AlignedFolder(args.out, sources, mode) as folder:
            summary = AlignSummary(folder.num_before)
            run = prepare(args, folder.todo, stop)

            def keep(outcome: AlignOutcome) -> None:
                folder.keep(outcome)
                summary.add(outcome)

            keep_outcomes(run.outcomes, keep, folder.todo, lambda: summary.audio_s, is_quiet=args.quiet)
        unknown = f", the words without a pronunciation in {args.out / 'unknown_words.txt'}: see --dictionary"
        return print_summary(
            summary,
            time.monotonic() - start_s,
            f"TextGrids {args.out}",
            is_quiet=args.quiet,
            max_failures=args.max_failures,
            stop=stop,
            kept="the TextGrids that are there are whole",
            reasons=args.out / "failures.jsonl",
            advice=unknown if summary.num_unknown else "",
        )


def require_sense(args: argparse.Namespace) -> None:
    """Check the arguments.

    Raises VqaudioError for a count that makes no sense, no pocketsphinx, or a damaged dictionary.
    """
    from vqaudio.cli.terminal.outcomes import require_counts
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.align.pronunciations import read_pronunciations

    require_counts(args, workers=1, max_failures=0)
    if find_spec("pocketsphinx") is None:
        raise VqaudioError("alignment needs pocketsphinx: pip install 'vqaudio[align]'")
    if args.dictionary:
        read_pronunciations(args.dictionary)


def prepare(args: argparse.Namespace, sources: "list[Source]", stop: "Event") -> "AlignRun":
    """Set up the aligner processes."""
    from vqaudio.jobs.align.run import AlignRun
    from vqaudio.jobs.worker_process import count_cpus

    return AlignRun(
        sources,
        num_workers=args.workers or count_cpus(),  # one aligner for each
        dictionary=str(args.dictionary) if args.dictionary else None,
        accepts_unknown=args.unknown_words == "noise",
        stop=stop,
    )
