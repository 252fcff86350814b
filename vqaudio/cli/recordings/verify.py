"""`vqaudio verify TOKENS`: every shard of a token store is read to its end; with --repair damaged ones are made again.

Checked are sizes, SHA-256, the codec's stamp, the rows, the range of the codes, the counts of the manifest, and that no
id stands twice.  `--repair --audio WAV_DIR` (or --list, --manifest: as for `vqaudio tokenize`) tokenizes the recordings
of the damaged shards, and only those, again.

For example:

    vqaudio verify tokens/ --repair --audio data/samples
"""

import argparse
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from vqaudio.cli.recordings.tokenize import add_list_arguments
from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vqaudio.jobs.sources import Source
    from vqaudio.tokens.damage import ShardDamage
    from vqaudio.tokens.manifest import Manifest

EXIT_DAMAGED = 1
MAX_IDS = 5  # of a damaged shard that are printed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("tokens", metavar="TOKENS", type=path_of, help="folder of a token store")
    parser.add_argument("--repair", action="store_true", help="tokenize the recordings of damaged shards again")
    parser.add_argument(
        "--audio", metavar="WAV_DIR", type=path_of, nargs="+", help="for --repair: what the store was made from"
    )
    add_list_arguments(parser)
    parser.add_argument("--codec", metavar="NAME|DIR", help="default: the shipped codec that the store names")
    parser.add_argument("--workers", metavar="N", type=int, help="decoder processes (default: by the CPUs; 0: none)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--quiet", action="store_true", help="no progress, only what is damaged")


def run(args: argparse.Namespace) -> int:
    """Check a store, and repair it if asked to; 0 when it is whole in the end, 1 if not."""
    from vqaudio.cli.terminal.outcomes import require_counts
    from vqaudio.core.errors import VqaudioError
    from vqaudio.tokens.failures import FailureLog
    from vqaudio.tokens.manifest import read_manifest

    require_counts(args, workers=0)
    if args.repair != any((args.audio, args.list, args.manifest)):
        raise VqaudioError(
            "--repair needs --audio (or --list, --manifest), what the store was made from, and these need --repair"
        )
    if not args.repair:
        damaged = find_and_print(args, read_manifest(args.tokens))
        if damaged:
            print("`vqaudio verify TOKENS --repair --audio WAV_DIR` makes them again", file=sys.stderr)
        return EXIT_DAMAGED if damaged else 0
    manifest = read_manifest(args.tokens)
    with FailureLog(args.tokens) as failures:  # nobody else writes meanwhile
        damaged = find_and_print(args, manifest)
        reasons = repair(args, manifest, damaged) if damaged else {}
        for row_id, reason in reasons.items():
            print(printable(f"lost: {row_id}: {reason}"), file=sys.stderr)
            failures.add({"id": row_id, "reason": reason})
    if damaged and not args.quiet:
        print(f"repaired  {len(damaged):,} shards, {len(reasons):,} recordings lost")
    return EXIT_DAMAGED if reasons else 0


def find_and_print(args: argparse.Namespace, manifest: "Manifest") -> "list[ShardDamage]":
    """Check all shards with progress; print each damaged one with its first ids, and a summary."""
    from vqaudio.cli.terminal.progress import RunProgress, shown
    from vqaudio.tokens.damage import find_damage

    total_bytes = sum(shard.num_bytes for shard in manifest.shards)
    with shown(RunProgress(total_bytes, len(manifest.shards), is_quiet=args.quiet)) as progress:
        damaged = find_damage(args.tokens, manifest, lambda shard: progress.finish_file(shard.num_bytes))
    for damage in damaged:
        ids = [entry.id for entry in damage.entries or ()]
        some = f"{', '.join(ids[:MAX_IDS])}{' ...' if len(ids) > MAX_IDS else ''}" if ids else "cannot be read"
        line = f"damaged: {damage.path}: {damage.reason}; its {len(ids) or ''} ids: {some}"
        print(printable(line), file=sys.stderr)
    if not args.quiet:
        whole = len(manifest.shards) - len(damaged)
        print(f"shards    {whole:,} of {len(manifest.shards):,} are whole")
    return damaged


def repair(args: argparse.Namespace, manifest: "Manifest", damaged: "Sequence[ShardDamage]") -> dict[str, str]:
    """Write the damaged shards again; return why recordings could not be tokenized, by id.

    Raises VqaudioError if the codec is another one.
    """
    from vqaudio.cli.recordings.tokenize import row_of, start_readers
    from vqaudio.jobs.codec_streams import tokenizer_of
    from vqaudio.jobs.stamps import open_stamped
    from vqaudio.jobs.tokenize.local import LocalRun
    from vqaudio.tokens.damage import healthy_ids
    from vqaudio.tokens.shards import write_shard

    sources = {source.id: source for source in own_sources(args, manifest, damaged)}
    codec = open_stamped(manifest.stamp, args.codec, args.device)
    stamp = manifest.stamp
    lost: dict[str, str] = {}
    named = {entry.id for damage in damaged for entry in damage.entries or ()}
    known = healthy_ids(args.tokens, manifest, damaged) | named
    for damage in damaged:
        todo, missing = sources_of(damage, sources, known)
        lost |= dict.fromkeys(missing, f"its shard {damage.path} was damaged, and no such recording is given")
        known |= {source.id for source in todo}
        with ExitStack() as stack:
            readers = start_readers(args.workers, len(todo), stack)
            beside = {"segments": stamp.segments, "pitch_steps": stamp.pitch_steps}
            tokenizer, num_threads = tokenizer_of(codec, stamp.num_codebooks, **beside)
            rows = []
            run = LocalRun(todo, tokenizer, readers, num_threads=num_threads, num_in_flight=32)
            for outcome in run.outcomes():
                if outcome.codes is None:
                    lost[outcome.source.id] = outcome.reason or ""
                else:
                    rows.append(row_of(outcome, outcome.codes, stamp))
        manifest = manifest.with_shard_anew(damage.number, write_shard(args.tokens, damage.number, rows, stamp))
        manifest.write(args.tokens)
    return lost


def own_sources(args: argparse.Namespace, manifest: "Manifest", damaged: "Sequence[ShardDamage]") -> "list[Source]":
    """Find the recordings that the store was made from; those of its own shard where it holds one of a run.

    Raises VqaudioError if they are to be found without their ids, among other recordings than the run had.
    """
    from vqaudio.cli.recordings.tokenize import named_sources
    from vqaudio.core.errors import VqaudioError
    from vqaudio.tokens.run_shard import RunShard

    found, shard = named_sources(args), manifest.run_shard
    if shard is None:
        return found
    if RunShard.of([source.id for source in found], shard.index, shard.count) == shard:
        return shard.own(found)
    if any(damage.entries is None for damage in damaged):
        raise VqaudioError(
            f"{args.tokens} is {shard} of {shard.num_recordings} recordings, these are {len(found)}, or others; "
            "without the ids of the damaged ones it needs the same; or tokenize the shard again with --overwrite"
        )
    return found


def sources_of(
    damage: "ShardDamage", sources: "dict[str, Source]", known: set[str]
) -> "tuple[list[Source], list[str]]":
    """Find the recordings of a damaged shard, in its order, and the ids that have none.

    Where its ids cannot be read these are all recordings that no other shard has.
    """
    from dataclasses import replace

    if damage.entries is None:
        return [source for row_id, source in sorted(sources.items()) if row_id not in known], []
    there = [entry for entry in damage.entries if entry.id in sources]
    missing = [entry.id for entry in damage.entries if entry.id not in sources]
    return [replace(sources[entry.id], speaker=entry.speaker, text=entry.text) for entry in there], missing
