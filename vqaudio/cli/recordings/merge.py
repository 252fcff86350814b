"""`vqaudio merge DIR --out STORE`: the shards of a run that `vqaudio tokenize --shard I/N` wrote become one store.

All N shards must be there, whole, of one codec and dealt from the same recordings; else nothing is written.  Rows stand
shard by shard.  The Parquet files are linked where the disk allows it: the shards' folders can be removed afterwards.

For example:

    vqaudio merge shards/ --out merged/
"""

import argparse

from vqaudio.cli.terminal.paths import path_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "shards", metavar="DIR", type=path_of, nargs="+", help="folder that holds shard-*-of-*, or all these folders"
    )
    parser.add_argument("--out", metavar="STORE", type=path_of, required=True, help="folder of the new token store")
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--resume", action="store_true", help="go on with a merge into STORE that was stopped")
    modes.add_argument("--overwrite", action="store_true", help="replace the store in STORE")
    parser.add_argument("--quiet", action="store_true", help="no summary")


def run(args: argparse.Namespace) -> int:
    """Merge the shards; 0 when the store is whole.  Raises VqaudioError if the shards are not."""
    from vqaudio.core.printable import printable
    from vqaudio.tokens.merging import merge_stores

    mode = "resume" if args.resume else "overwrite" if args.overwrite else "new"
    merged, num_shards = merge_stores(args.shards, args.out, mode=mode)
    if not args.quiet:
        print(f"merged    {num_shards:,} shards: {merged.num_rows:,} rows, {merged.num_failures:,} failures")
        print(printable(f"store     {args.out}"))
    return 0
