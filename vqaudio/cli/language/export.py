"""`vqaudio export TOKENS --format F --out DIR`: codes for the programs that train language models.

    hf          Parquet with input_ids, and a tokenizer for transformers
    nanogpt     train.bin, val.bin and meta.pkl
    megatron    .bin and .idx
    gslm        lines of stem|units
    fairseq     .tsv, .km and a dictionary; the paths begin at --root
    kaldi       text, utt2spk, spk2utt, and with --root wav.scp
    speechgpt   lines of <sosp><17><3><eosp> in JSON
    jsonl       --style lists | tokens | speechgpt
    webdataset  tar archives of codes.npy and json

    vqaudio export tokens/ --format hf --codebooks 2 --context 256 --out lm/ --check

Speakers are held out whole.  Every option can be undone: --check reads the export back and compares it with TOKENS.
"""

import argparse
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vqaudio.export.options import ExportOptions
    from vqaudio.export.record import ExportRecord
    from vqaudio.tokens.store import TokenStore


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("tokens", metavar="TOKENS", type=path_of, help="folder of a token store")
    parser.add_argument("--out", metavar="DIR", type=path_of, required=True, help="folder of the export")
    parser.add_argument("--format", metavar="F", help="see above; not needed to --check what is there")
    parser.add_argument("--style", metavar="S", default="", help="a format's variant (default: its first)")
    parser.add_argument("--codebooks", metavar="K", type=int, default=0, help="the first K codebooks (default: all)")
    parser.add_argument(
        "--interleave",
        metavar="P",
        default="flattened",
        help="order of several codebooks: parallel, delayed, flattened or coarse-first (default: flattened)",
    )
    grid = "codes as rows, one for each codebook, with padding (jsonl --style lists, webdataset)"
    parser.add_argument("--grid", action="store_true", help=grid)
    deduplicate = (
        "merge equal neighbours; durations are kept apart (default: of segments, `vqaudio tokenize --segments`)"
    )
    parser.add_argument("--deduplicate", action=argparse.BooleanOptionalAction, help=deduplicate)
    parser.add_argument(
        "--bpe", metavar="N", type=int, default=0, help="N merges of frequent neighbours into one token"
    )
    parser.add_argument("--bos", action="store_true", help="a token before each document")
    parser.add_argument(
        "--eos",
        action=argparse.BooleanOptionalAction,
        help="a token after each document (default: with hf, nanogpt and megatron)",
    )
    parser.add_argument("--prefix", metavar="P[,P]", default="", help="speaker and/or text before the codes")
    parser.add_argument("--context", metavar="N", type=int, default=0, help="join documents, cut to N tokens")
    parser.add_argument(
        "--validation", metavar="SHARE", type=float, default=0.05, help="share of speakers held out (default: 0.05)"
    )
    root = "the folder whose files were tokenized (fairseq, default: the current one; kaldi: writes wav.scp)"
    parser.add_argument("--root", metavar="AUDIO", type=path_of, help=root)
    parser.add_argument("--extend", metavar="TOKENIZER", type=path_of, help="add the tokens to this text tokenizer")
    parser.add_argument("--check", action="store_true", help="compare the export with TOKENS")
    resume = "go on with an export that was stopped or killed; refused if that was another one"
    parser.add_argument("--resume", action="store_true", help=resume)
    parser.add_argument("--overwrite", action="store_true", help="replace an export that is there already")
    parser.add_argument("--quiet", action="store_true", help="no progress and no summary")


def run(args: argparse.Namespace) -> int:
    """Export, check, or both; 0 when all went well."""
    from vqaudio.core.errors import VqaudioError
    from vqaudio.tokens.store import TokenStore

    if not args.format and not args.check:
        raise VqaudioError("wanted --format to export, or --check to compare an export with its store")
    store = TokenStore.open(args.tokens)
    if args.format:
        record = export(args, store)
        if not args.quiet:
            print_summary(record, args.out)
    if args.check:
        check(args, store)
    return 0


def options_of(args: argparse.Namespace, *, are_segments: bool) -> "ExportOptions":
    """Read the command line as options.  Raises VqaudioError for a value that is none.

    are_segments: what the store holds; each is then exported once.
    """
    import os

    from vqaudio.export.formats.table import format_of, named_format
    from vqaudio.export.options import ExportOptions

    name, style = named_format(args.format, args.style)
    return ExportOptions(
        format=name,
        style=style,
        num_codebooks=args.codebooks,
        pattern=args.interleave,
        is_grid=args.grid,
        is_deduplicated=are_segments if args.deduplicate is None else args.deduplicate,
        bpe_merges=args.bpe,
        has_bos=args.bos,
        has_eos=format_of(name, style).has_eos if args.eos is None else args.eos,
        prefix=tuple(name for name in args.prefix.split(",") if name),
        context_tokens=args.context,
        validation=args.validation,
        root=os.path.abspath(args.root) if args.root else "",
    )


def export(args: argparse.Namespace, store: "TokenStore") -> "ExportRecord":
    """Write the export, with progress."""
    from vqaudio.export.run import export_store

    options = options_of(args, are_segments=store.stamp.segments is not None)
    try:
        with rows_shown(store, is_quiet=args.quiet) as finish:
            return export_store(
                store,
                args.out,
                options,
                extend=args.extend,
                is_overwriting=args.overwrite,
                is_resuming=args.resume,
                on_progress=finish,
            )
    except KeyboardInterrupt:
        print(printable(f"stopped; {args.out} is as it was, and the same command goes on"), file=sys.stderr)
        raise


def check(args: argparse.Namespace, store: "TokenStore") -> None:
    """Compare an export with the store, with progress."""
    from vqaudio.export.check import check_export

    with rows_shown(store, is_quiet=args.quiet) as finish:
        report = check_export(args.out, store, finish)
    if not args.quiet:
        counts = f"{report.num_documents:,} documents, {report.num_codes:,} codes"
        print(printable(f"checked     {counts}: as in {args.tokens}"))


def print_summary(record: "ExportRecord", out: Path) -> None:
    """Print what was written; a split without documents is pointed out."""
    for split, counts in record.counts.items():
        size = f"{counts['documents']:,} documents, {counts['tokens']:,} tokens in {counts['sequences']:,} sequences"
        print(f"{split:11} {size}, {counts['seconds'] / 3600:.2f} h")
        if not counts["documents"]:
            print(f"{'':11} no speaker falls into {split}; with few speakers choose another --validation")
    words = record.vocabulary
    offset = f", codes from {words.offset} on" if words.offset else ""
    print(f"{'vocabulary':11} {words.size:,} tokens{offset}")
    print(printable(f"{'export':11} {out}"))


@contextmanager
def rows_shown(store: "TokenStore", *, is_quiet: bool) -> "Iterator[Callable[[int, int], None]]":
    """Show progress through the store; yields a function to call with the rows and samples that are done."""
    from vqaudio.cli.terminal.progress import RunProgress, shown

    num_done = 0
    with shown(RunProgress(store.manifest.counts()["samples"], store.num_rows, is_quiet=is_quiet)) as progress:

        def finish(num_rows: int, num_samples: int) -> None:
            nonlocal num_done
            num_done += num_samples
            for number in range(num_rows):
                progress.finish_file(num_samples if number == 0 else 0)
            progress.update(num_done / store.stamp.sample_rate_hz)

        yield finish
