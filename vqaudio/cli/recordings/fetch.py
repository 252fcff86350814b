"""`vqaudio fetch CORPUS --root DIR`: download a public corpus, check it, unpack it.

CORPUS is a corpus (all its parts, e.g. `ljspeech`) or one part (e.g. `librispeech/dev-clean`, `cmu_arctic/slt`).
A download that was cut goes on where it was; what is complete is not fetched again.

For example:

    vqaudio fetch librispeech/dev-clean --root corpora/
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from vqaudio.corpora.fetch.archives import Archive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help="what to fetch; see --list")
    parser.add_argument("--root", type=path_of, metavar="DIR", help="the folder in which each corpus gets its own")
    parser.add_argument("--list", action="store_true", help="list the corpora and parts that are known")
    parser.add_argument("--keep-archives", action="store_true", help="do not delete what was unpacked")


def run(args: argparse.Namespace) -> int:
    """Fetch each corpus, in order.  Raises VqaudioError if one is not known, cannot be had whole, or does not fit."""
    from vqaudio.core.errors import VqaudioError
    from vqaudio.corpora.fetch.archives import find_archives

    if args.list:
        print_list(args.root)
        return 0
    if not args.corpora or args.root is None:
        raise VqaudioError("say what to fetch and where: vqaudio fetch CORPUS --root DIR; `--list` names the corpora")
    roots = {}
    for archive in find_archives(args.corpora):
        fetch_archive(archive, args.root, is_archive_kept=args.keep_archives)
        roots[archive.corpus] = args.root / archive.root
    for corpus, root in roots.items():
        print(f"{corpus}\t{root}")
    return 0


def fetch_archive(archive: "Archive", folder: Path, *, is_archive_kept: bool) -> None:
    """Fetch one archive with a bar, and print the outcome on stderr."""
    from vqaudio.cli.terminal.progress import shown
    from vqaudio.cli.terminal.transfer_progress import TransferProgress
    from vqaudio.corpora.fetch.fetching import fetch

    with shown(TransferProgress()) as progress:
        unpacked = fetch(
            archive,
            folder,
            is_archive_kept=is_archive_kept,
            tell=lambda what, done, total: progress.update(f"{archive.name}: {what}", done, total),
        )
    if unpacked is None:
        print(f"{archive.name}: is there", file=sys.stderr)
        return
    print(f"{archive.name}: unpacked", file=sys.stderr)
    if unpacked.left_out:
        names = ", ".join(unpacked.left_out[:3])
        said = f"{archive.name}: left out {len(unpacked.left_out)} links or devices: {names}"
        print(printable(said), file=sys.stderr)


def print_list(root: Path | None) -> None:
    """Print one line for each part; with a root, whether it is there."""
    from vqaudio.corpora.fetch.archives import known_archives
    from vqaudio.corpora.fetch.fetching import is_fetched

    for archive in known_archives():
        state = "" if root is None else ("  there" if is_fetched(archive, root) else "  -    ")
        print(f"{archive.name:<28}{state}  {archive.url}")
