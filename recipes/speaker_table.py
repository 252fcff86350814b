"""Let a codec know the speakers of a corpus by name, so that `vqaudio convert --to SPEAKER_ID` finds them.

    python recipes/speaker_table.py runs/units-16k/codec --root DIR [--kind manifest] [--split train] [--each 20]

For a codec with speaker_kind `reference`: a speaker's embedding is the mean over the first 20 utterances.
For one with a table (speaker_kind `table`), --names takes the speakers.txt that recipes/train_codec.py wrote:

    python recipes/speaker_table.py runs/vctk-speakers/codec --names runs/vctk-speakers/speakers.txt

Writes speakers.json and speakers.safetensors beside the weights.  Names are stored: leave out what must not be known.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vqaudio.codec.locate import find_codec
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.speakers import KnownSpeakers, save_speakers
from vqaudio.core.errors import VqaudioError
from vqaudio.corpora.reading import read_corpus
from vqaudio.jobs.voice.speakers import hear_speakers


def named_rows(codec: Codec, names: Sequence[str]) -> KnownSpeakers:
    """The first rows of the codec's own table, by name."""
    if codec.reference is not None or codec.decoder.conditioning is None:
        raise VqaudioError(f"{codec.name} has no table of speakers; --root DIR lets it hear those of a corpus")
    table = codec.decoder.conditioning.table
    if len(names) > len(table):
        raise VqaudioError(f"{len(names)} names for a table of {len(table)} speakers")
    return KnownSpeakers(tuple(names), table[: len(names)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Hears or names the speakers and stores them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codec", metavar="CODEC")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--root", type=Path, metavar="DIR", help="a corpus")
    source.add_argument("--names", type=Path, metavar="FILE", help="one name a line: line i is number i of the table")
    parser.add_argument("--kind", default="manifest", help="the corpus's reader (default: manifest, a metadata.csv)")
    parser.add_argument("--split", help="only this split (default: all)")
    parser.add_argument("--each", type=int, default=20, metavar="N", help="utterances of a speaker (default: 20)")
    args = parser.parse_args(arguments)
    codec = open_codec(args.codec)
    if args.names:
        known = named_rows(codec, args.names.read_text(encoding="utf-8").splitlines())
    else:
        options = {} if args.split is None else {"split": args.split}
        known = hear_speakers(codec, read_corpus(args.kind, args.root, **options), num_each=args.each)
    folder = find_codec(args.codec)
    save_speakers(folder, known, codec.weights_sha256)
    print(f"{codec.name} knows {len(known.names)} speakers: {folder / 'speakers.json'}")


if __name__ == "__main__":
    try:
        main()
    except VqaudioError as error:
        sys.exit(f"speaker_table: {error}")
