"""`vqaudio probe TOKENS --alignments DIR`: what the codes have to do with phones, beside chance and an MFCC control.

For example:

    vqaudio probe tokens/ --alignments textgrids/ --out probe/
    vqaudio probe tokens/ --alignments textgrids/ --features features/ --with abx linear leakage
"""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of
from vqaudio.core.printable import printable

if TYPE_CHECKING:
    from vqaudio.jobs.probe.corpus import ProbeCorpus
    from vqaudio.jobs.probe.probing import ProbeOptions
    from vqaudio.jobs.probe.report import ProbeReport

EXIT_REFUSED = 2
FAIRSEQ, ITEMS = "fairseq.tsv", "phones.item"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("tokens", type=path_of, metavar="TOKENS", help="a token store, as `vqaudio tokenize` makes it")
    alignments = (
        "folder of TextGrid, .phn, .lab ... files named as the recordings, or of CTM and MLF files, or one file"
    )
    parser.add_argument("--alignments", type=path_of, required=True, metavar="DIR", help=alignments)
    parser.add_argument("--audio", type=path_of, metavar="DIR", help="the recordings, for the control on MFCC")
    labels = "arpabet-39 (default), timit-39, ipa-arpabet ..., or plain, which keeps every label"
    parser.add_argument("--labels", default="arpabet-39", metavar="SET", help=labels)
    parser.add_argument("--tier", default="phones", metavar="NAME", help="of TextGrid and CTM files (default: phones)")
    parser.add_argument("--codebook", type=int, default=0, metavar="K", help="counted from 0 (default: 0)")
    held_out = "list of ids or speakers that the mapping is tested on and not fitted on (default: folds of speakers)"
    parser.add_argument("--held-out", type=path_of, metavar="FILE", help=held_out)
    parser.add_argument("--folds", type=int, default=5, metavar="N", help="of speakers (default: 5)")
    further = "further probes: leakage (default), abx, linear, stability, or none"
    parser.add_argument("--with", dest="probes", nargs="+", default=["leakage"], metavar="PROBE", help=further)
    codec = "the codec that made TOKENS: stability needs it, abx and linear then read its vectors too; with --audio"
    parser.add_argument("--codec", metavar="NAME|DIR", help=codec)
    features = (
        "vectors beside the codes, for abx, linear, leakage: .npy or .safetensors (frames x width) named as the ids"
    )
    parser.add_argument("--features", type=path_of, metavar="DIR", help=features)
    rate = "vectors a second, where DIR has no features.json of `vqaudio features`"
    parser.add_argument("--feature-rate", type=float, metavar="HZ", help=rate)
    stability = "utterances that stability changes and encodes again (default: 20)"
    parser.add_argument("--stability-utterances", type=int, default=20, metavar="N", help=stability)
    parser.add_argument("--accept-few-frames", action="store_true", help="show a headline the gate would refuse")
    parser.add_argument(
        "--out", type=path_of, metavar="DIR", help="write probe.json, fairseq.tsv, phones.item (with abx) and plots"
    )
    parser.add_argument("--json", action="store_true", help="print JSON in place of the tables")
    parser.add_argument("--glossary", action="store_true", help="say under each table what its columns are")


def run(args: argparse.Namespace) -> int:
    """Probe, print the tables or JSON, write the files.  0, or 2 when the headline was refused."""
    from vqaudio.cli.terminal.probe_table import print_probe
    from vqaudio.codec.saving import open_codec
    from vqaudio.jobs.probe.corpus import join_labels
    from vqaudio.jobs.probe.probing import probe_corpus
    from vqaudio.tokens.store import TokenStore

    store, options = TokenStore.open(args.tokens), options_from(args)
    corpus = join_labels(store, args.alignments, labels=options.labels, tier=options.tier, codebook=options.codebook)
    report = probe_corpus(store, corpus, options, open_codec(args.codec, "cpu") if args.codec else None)
    if args.json:
        print(json.dumps(report.to_json(), indent=1, allow_nan=False, ensure_ascii=False))
    else:
        print_probe(report, has_glossary=args.glossary)
    if args.out:
        left_out = write_files(args.out, report, corpus, options)
        stream = sys.stderr if args.json else sys.stdout
        for reason, names in left_out.items():
            print(printable(f"not in {args.out}: {', '.join(names)}: {reason}"), file=stream)
    return EXIT_REFUSED if report.is_refused else 0


def options_from(args: argparse.Namespace) -> "ProbeOptions":
    """Read the command line as options."""
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.probe.given_features import open_features
    from vqaudio.jobs.probe.probing import ProbeOptions, read_names
    from vqaudio.jobs.probe.registry import PROBES

    if args.feature_rate is not None and not args.features:
        raise VqaudioError("--feature-rate is of --features DIR, which is not given")
    unknown = set(args.probes) - {*PROBES, "none"}
    if unknown:
        raise VqaudioError(f"there is no probe {min(unknown)!r}; there are {', '.join(PROBES)}, and none")

    return ProbeOptions(
        codebook=args.codebook,
        labels=args.labels,
        tier=args.tier,
        audio=args.audio,
        held_out=read_names(args.held_out) if args.held_out else (),
        num_folds=args.folds,
        accepts_few_frames=args.accept_few_frames,
        probes=frozenset(args.probes),
        num_stability=args.stability_utterances,
        features=open_features(args.features, args.feature_rate) if args.features else None,
    )


def write_files(
    folder: Path, report: "ProbeReport", corpus: "ProbeCorpus", options: "ProbeOptions"
) -> dict[str, list[str]]:
    """Write probe.json and, as far as there is something to write, fairseq.tsv, phones.item and plots.

    What an earlier probe wrote there and this one does not is removed.
    Returns the names of the files that were not written by their reason.  Raises VqaudioError if one cannot be written.
    """
    from vqaudio.core.durable import make_folder, replace_durably
    from vqaudio.jobs.probe.abx import abx_items, items_by_stem
    from vqaudio.jobs.probe.pictures import undrawn_plots, write_plots
    from vqaudio.probes.items import write_items

    make_folder(folder)
    for name in (FAIRSEQ, ITEMS):
        (folder / name).unlink(missing_ok=True)
    undone = undrawn_plots(report, options.audio)
    text = json.dumps(report.to_json(), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    replace_durably(folder / "probe.json", lambda path: path.write_text(text, encoding="utf-8"))
    if line := report.fairseq_line():
        replace_durably(folder / FAIRSEQ, lambda path: path.write_text(line + "\n", encoding="utf-8"))
    else:
        undone[FAIRSEQ] = "the headline was refused"
    if "abx" in options.probes:
        write_items(folder / ITEMS, items_by_stem(abx_items(corpus)))
    else:
        undone[ITEMS] = "it is written --with abx"
    write_plots(folder, report, corpus, options.audio)
    reasons: dict[str, list[str]] = {}
    for name, reason in undone.items():
        reasons.setdefault(reason, []).append(name)
    return reasons
