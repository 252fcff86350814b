"""`vqaudio convert IN.wav --to SPEAKER_ID|REFERENCE.wav --out OUT.wav`: the same words in another voice.

For example:

    vqaudio convert in.wav --to reference.wav --out out.wav
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vqaudio.cli.terminal.paths import path_of

if TYPE_CHECKING:
    from vqaudio.jobs.sources import Source


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument("audio", metavar="IN.wav", type=path_of, help="a recording, or a folder of them")
    voice = "a speaker that the codec knows (`vqaudio info CODEC` counts them), or a recording of any other one"
    parser.add_argument("--to", metavar="SPEAKER_ID|REFERENCE.wav", required=True, help=voice)
    parser.add_argument(
        "--out",
        metavar="OUT.wav",
        type=path_of,
        required=True,
        help="file to write; for a folder, the folder to fill",
    )
    parser.add_argument("--codec", default="units-16k", help="a codec with speaker conditioning")
    pitch = (
        "how high the melody is, with a codec that takes pitch: as that voice speaks, or as it was (default: target)"
    )
    parser.add_argument("--pitch", choices=("target", "source"), default="target", help=pitch)
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: cpu)")
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument("--quiet", action="store_true", help="do not print what was written")


def run(args: argparse.Namespace) -> int:
    """Convert recordings; 0 when all went well, 2 when some files of a folder were left out."""
    from vqaudio.codec.saving import open_codec
    from vqaudio.core.errors import VqaudioError
    from vqaudio.core.printable import printable
    from vqaudio.jobs.sources import find_sources
    from vqaudio.jobs.voice.conversion import convert_file, find_voice

    sources = find_sources(args.audio)
    paths = choose_paths(args.audio, sources, args.out, is_overwriting=args.overwrite)
    codec = open_codec(args.codec, args.device)
    voice = find_voice(codec, args.to)
    failures = []
    for source in sources:
        try:
            if source.refusal:
                raise VqaudioError(f"{source.id}: {source.refusal}")
            convert_file(codec, source.path, voice, paths[source.id], args.pitch)
        except VqaudioError as error:
            if not args.audio.is_dir():
                raise
            failures.append(str(error))
    if not args.quiet:
        num_done = len(sources) - len(failures)
        print(printable(f"{args.out}: {num_done} of {len(sources)} recordings in {voice.name}"))
    for reason in failures:
        print(printable(f"left out: {reason}"))
    return 2 if failures else 0


def choose_paths(audio: Path, sources: "list[Source]", out: Path, *, is_overwriting: bool) -> dict[str, Path]:
    """Map every id to the file to write.  Raises VqaudioError if it is there already, or is the recording itself."""
    from vqaudio.core.errors import VqaudioError
    from vqaudio.jobs.naming import wav_names

    if audio.is_dir():
        paths = {row_id: out / name for row_id, name in wav_names([source.id for source in sources]).items()}
    else:
        paths = {sources[0].id: out}
    for source in sources:
        path = paths[source.id]
        if path.is_dir():
            raise VqaudioError(f"{path} is a folder; wanted the name of a wav file")
        if path.exists() and (not is_overwriting or path.samefile(source.path)):
            raise VqaudioError(f"{path} is there already; choose another --out, or --overwrite (never the recording)")
    return paths
