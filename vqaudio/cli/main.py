"""The `vqaudio` command: it finds and runs the verb, and turns errors into one line and an exit status."""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import NamedTuple

import vqaudio
from vqaudio.core.printable import printable

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130  # 128 + SIGINT, as a shell has it
EXIT_BROKEN_PIPE = 141  # 128 + SIGPIPE


class Verb(NamedTuple):
    """A verb of the command.

    module: has `add_arguments(parser)` and `run(args) -> int`, and imports nothing heavy at its top.
    has_own_help: it adds --help itself."""

    module: str
    help: str
    has_own_help: bool = False


VERBS = {
    "tokenize": Verb("vqaudio.cli.recordings.tokenize", "turn a folder of recordings into a token store"),
    "merge": Verb("vqaudio.cli.recordings.merge", "join the shards of a run over many processes to one token store"),
    "import": Verb("vqaudio.cli.recordings.import_codes", "turn codes of other programs into a token store"),
    "decode": Verb("vqaudio.cli.recordings.decode", "turn a token store, or one file of codes, back into sound"),
    "stream": Verb("vqaudio.cli.recordings.stream", "codes of sound that still comes, and sound of codes that do"),
    "encode": Verb("vqaudio.cli.recordings.encode", "turn one recording into one file of codes"),
    "convert": Verb("vqaudio.cli.recordings.convert", "say the same in the voice of another speaker"),
    "export": Verb("vqaudio.cli.language.export", "write codes for the programs that train language models"),
    "sample": Verb("vqaudio.cli.language.sample", "let a prior speak, from nothing or after a spoken prompt"),
    "onnx": Verb("vqaudio.cli.models.onnx", "write a codec as ONNX graphs, for programs without torch"),
    "info": Verb("vqaudio.cli.study.info", "print what a codec or a token store holds"),
    "verify": Verb("vqaudio.cli.recordings.verify", "check a token store, and tokenize again what is damaged"),
    "fetch": Verb("vqaudio.cli.recordings.fetch", "download a public corpus, check it and unpack it"),
    "evaluate": Verb("vqaudio.cli.study.evaluate", "measure a codec on recordings: quality, bitrate, codebook use"),
    "compare": Verb("vqaudio.cli.study.compare", "set codecs side by side: quality, phones, speed, exactness"),
    "report": Verb("vqaudio.cli.study.report", "write one HTML page about a codec: players, plots, tables"),
    "probe": Verb("vqaudio.cli.study.probe", "relate codes to phones, beside controls"),
    "train": Verb("vqaudio.cli.models.train", "train a codec or a prior from a recipe", has_own_help=True),
    "kmeans": Verb("vqaudio.cli.models.kmeans", "fit means to a speech model's hidden states: a codec of units"),
    "features": Verb("vqaudio.cli.models.features", "write vectors of codecs and speech models as .npy files"),
    "align": Verb("vqaudio.cli.recordings.align", "find words and phones in English recordings whose text is known"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; returns its exit status (1: an error that the user can mend, 2: wrong usage)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name may not fit the terminal's encoding
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("vqaudio: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Python flushes standard output once more at its end; without this that would fail too.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except Exception as error:
        from vqaudio.cli.terminal.errors import explain

        if (sentence := explain(error)) is None:
            raise
        print(f"vqaudio: {printable(sentence)}", file=sys.stderr)
        return EXIT_ERROR


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in VERBS:
        parser = _overview()
        if not arguments:
            parser.print_help()
            return 0
        parser.parse_args(arguments)  # --help, --version, or a word that is no verb: all end here
        parser.error("the verb comes first: vqaudio VERB [options]")
    parser = parser_of(arguments[0])
    # A verb with any number of words lets them stand after an option too, which only the second way reads.
    parse = parser.parse_intermixed_args if VERBS[arguments[0]].has_own_help else parser.parse_args
    return import_module(VERBS[arguments[0]].module).run(parse(arguments[1:]))


def parser_of(verb: str) -> argparse.ArgumentParser:
    """Build the parser of a verb's options; its module is imported for it."""
    module = import_module(VERBS[verb].module)
    parser = argparse.ArgumentParser(
        prog=f"vqaudio {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=not VERBS[verb].has_own_help,
    )
    module.add_arguments(parser)
    return parser


def _overview() -> argparse.ArgumentParser:
    """Write what `vqaudio --help` shows; the verbs' own modules are not imported for it."""
    parser = argparse.ArgumentParser(
        prog="vqaudio",
        description="Recordings to discrete codes and back.",
        epilog="`vqaudio VERB --help` says more.  After `--` a name may start with a dash.",
    )
    parser.add_argument("--version", action="version", version=f"vqaudio {vqaudio.__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", dest="verb", required=True)
    for name, verb in VERBS.items():
        verbs.add_parser(name, help=verb.help, add_help=False)
    return parser
