"""Does a conversion have the voice of its target, and does it still say the same?

    python recipes/benchmarks/conversion.py --speech DIR --alignments DIR [--codec units-16k] [--json FILE]

DIR holds metadata.csv with path, speaker and split.  Of every speaker of the evaluation split half of the recordings
are enrolled: a classifier (cepstrum of the long-term average spectrum, logistic regression) learns the voices from
them, and they are what the codec hears of a target.  From the other half utterances are taken in turn, each converted
to another speaker.
Codes are read as phones by the most frequent phone of each code in real speech of the training split.

Rows: the recordings themselves (control); decoded in the voice of the same recording (control); converted to the voice
of all enrolled recordings of the target, as `vqaudio convert --to SPEAKER_ID`; and of one, as `--to REFERENCE.wav`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.core.errors import VqaudioError
from vqaudio.core.units import Interval
from vqaudio.corpora.alignment.formats import index_alignments
from vqaudio.corpora.alignment.gates import gate_alignments
from vqaudio.corpora.interface import Utterance, by_speaker
from vqaudio.corpora.reading import read_corpus
from vqaudio.jobs.probe.corpus import label_set, rename_labels
from vqaudio.jobs.strict_json import plain
from vqaudio.jobs.voice.scores import ConversionRow, Version, VoiceClassifier, other_speakers, score_versions
from vqaudio.probes.counts import Counts, count_pairs
from vqaudio.probes.frames import LabelSet, frame_phones

MIN_RECORDINGS = 4  # of a speaker, so that two can be enrolled
BAR_POINTS = 10.0
NAMES = ("recordings", "own voice", "converted, known speaker", "converted, one reference")


class Labels(NamedTuple):
    """intervals: by utterance, of those with a sound alignment.  kinds: all labels that occur."""

    intervals: Mapping[str, list[Interval]]
    kinds: LabelSet

    def phones(self, codec: Codec, utterance: Utterance, num_frames: int) -> NDArray[np.int64] | None:
        """`t`, None for an utterance without a sound alignment."""
        found = self.intervals.get(utterance.id)
        return None if found is None else frame_phones(found, self.kinds.numbers, codec.grid, num_frames)


class Heard(NamedTuple):
    """A voice as it was heard: its embedding `1 e`, and the median of its pitch in Hz, 0 where the codec takes none."""

    embedding: torch.Tensor
    median_hz: float


class Bench:
    """A codec, the sound of a corpus, and its labels."""

    def __init__(self, codec: Codec) -> None:
        self.codec, self.rate_hz = codec, codec.grid.sample_rate_hz

    def read(self, one: Utterance) -> NDArray[np.float32]:
        """Its sound, `n`."""
        return read_audio(one.path, self.rate_hz, one.start_s or 0.0, one.end_s)

    def codes(self, samples: NDArray[np.float32]) -> torch.Tensor:
        """`1 k t`."""
        return self.codec.encode(torch.from_numpy(samples)[None, None])

    def voice(self, recordings: Sequence[NDArray[np.float32]]) -> Heard:
        """The mean of what is heard in them, and the median of their medians."""
        audios = [torch.from_numpy(one)[None, None] for one in recordings]
        embedding = torch.cat([self.codec.embed(audio) for audio in audios]).mean(dim=0, keepdim=True)
        pitches = [self.codec.own_pitch(audio) for audio in audios]
        medians = [float(pitch.median_hz) for pitch in pitches if pitch is not None and pitch.median_hz > 0]
        return Heard(embedding, float(np.median(medians)) if medians else 0.0)

    def speak(self, samples: NDArray[np.float32], codes: torch.Tensor, voice: Heard) -> NDArray[np.float32]:
        """Codes of samples in a voice, with their melody around its median."""
        pitch = self.codec.own_pitch(torch.from_numpy(samples)[None, None])
        if pitch is not None and voice.median_hz:
            pitch = pitch.around(voice.median_hz)
        return self.codec.decode(codes, len(samples), embeddings=voice.embedding, pitch=pitch)[0, 0].numpy()

    def read_labels(self, utterances: Sequence[Utterance], alignments: Path, label_map: str) -> Labels:
        """Those of the utterances that have a sound alignment."""
        durations_s = {one.id: len(self.read(one)) / self.rate_hz for one in utterances}
        kept, report = gate_alignments(durations_s, index_alignments(alignments).find)
        print(report)
        renamed = rename_labels(kept, label_map)
        return Labels(renamed, label_set(label.label for one in renamed.values() for label in one))

    def count(self, utterances: Sequence[Utterance], labels: Labels) -> Counts:
        """`v p` over real speech."""
        table = np.zeros((self.codec.codebook_size, len(labels.kinds.names)), np.int64)
        for one in utterances:
            codes = self.codes(self.read(one))[0, 0].numpy()
            phones = labels.phones(self.codec, one, len(codes))
            if phones is not None:
                table += count_pairs(codes, phones, *table.shape)
        return table

    def versions(self, one: Utterance, target: str, voices: Sequence[Heard], labels: Labels) -> Iterator[Version]:
        """As NAMES says.  voices: of the target, one for each kind of conversion."""
        samples = self.read(one)
        codes = self.codes(samples)
        phones = labels.phones(self.codec, one, codes.shape[-1])
        assert one.speaker is not None, "speakers were grouped by name"
        yield Version(one.speaker, target, samples, codes[0, 0].numpy(), phones)
        for voice in (self.voice([samples]), *voices):
            decoded = self.speak(samples, codes, voice)
            yield Version(one.speaker, target, decoded, self.codes(decoded)[0, 0].numpy(), phones)


def spread(utterances: Sequence[Utterance], number: int) -> list[Utterance]:
    """That many, evenly through the list; all if there are no more."""
    number = min(number, len(utterances))
    return [utterances[at * len(utterances) // number] for at in range(number)]


def halves(utterances: Sequence[Utterance]) -> tuple[dict[str, list[Utterance]], list[Utterance]]:
    """Enrolled utterances by speaker, and the others, one of each speaker in turn."""
    speakers = by_speaker(utterances, at_least=MIN_RECORDINGS)
    if len(speakers) < 2:
        raise VqaudioError(f"wanted two speakers with {MIN_RECORDINGS} recordings or more, got {len(speakers)}")
    enrolled = {name: found[::2] for name, found in speakers.items()}
    others = [found[1::2] for found in speakers.values()]
    turns = range(max(map(len, others)))
    return enrolled, [found[turn] for turn in turns for found in others if turn < len(found)]


@torch.inference_mode()
def measure(bench: Bench, args: argparse.Namespace) -> list[ConversionRow]:
    """All rows of the table."""
    enrolled, others = halves(read_corpus("manifest", args.speech, split=args.split))
    tested = others[: args.utterances]
    fitted = spread(read_corpus("manifest", args.speech, split=args.fit_split), args.fit)
    labels = bench.read_labels([*fitted, *tested], args.alignments, args.labels)
    heard = {name: [bench.read(one) for one in found] for name, found in enrolled.items()}
    owners = [name for name, found in heard.items() for _ in found]
    classifier = VoiceClassifier([one for found in heard.values() for one in found], owners, bench.codec.grid)
    print(f"classifier: {len(owners)} recordings of {len(heard)} speakers; chance {1 / len(heard):.1%}")
    voices = {name: (bench.voice(found), bench.voice(found[:1])) for name, found in heard.items()}
    columns: list[list[Version]] = [[] for _ in NAMES]
    for one, target in zip(tested, other_speakers([one.speaker or "" for one in tested]), strict=True):
        for column, version in zip(columns, bench.versions(one, target, voices[target], labels), strict=True):
            column.append(version)
    counts = bench.count(fitted, labels)
    print(f"codes read as phones by {counts.sum():,} frames of {len(fitted)} utterances of split {args.fit_split}")
    return [score_versions(name, column, classifier, counts) for name, column in zip(NAMES, columns, strict=True)]


def tell(rows: Sequence[ConversionRow]) -> None:
    headings = f"{'taken for source':>18}{'for target':>12}{'phone of code':>15}{'frames':>9}"
    print(f"\n{'version':<26}{'utterances':>11}{headings}")
    for row in rows:
        shares = f"{row.taken_for_source:>18.1%}{row.taken_for_target:>12.1%}{row.mapping.accuracy:>15.1%}"
        print(f"{row.name:<26}{row.num_utterances:>11}{shares}{row.mapping.num_frames:>9,}")
    print(f"naming the most frequent phone always: {rows[0].mapping.prior:.1%}\n")
    for row in rows[2:]:
        is_target = row.taken_for_target > row.taken_for_source
        lost = 100 * (rows[0].mapping.accuracy - row.mapping.accuracy)
        print(
            f"{row.name}: taken for the target {'more' if is_target else 'NOT more'} often than for the source; phones "
            f"fall by {lost:.1f} points ({'within' if lost < BAR_POINTS else 'OVER'} the bar of {BAR_POINTS:g})"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--alignments", type=Path, required=True, metavar="DIR")
    parser.add_argument("--codec", default="units-16k")
    parser.add_argument("--labels", default="arpabet-39", help="label map (default: arpabet-39)")
    parser.add_argument("--split", default="eval", help="whose voices (default: eval)")
    parser.add_argument("--fit-split", default="train", help="whose codes are read as phones (default: train)")
    parser.add_argument("--utterances", type=int, default=60, help="to convert (default: 60)")
    parser.add_argument("--fit", type=int, default=300, help="utterances that codes are read by (default: 300)")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)
    torch.set_num_threads(1)
    codec = open_codec(args.codec)
    if codec.reference is None:
        raise VqaudioError(f"{codec.name} hears no voices; wanted a codec with speaker_kind `reference`")
    rows = measure(Bench(codec), args)
    tell(rows)
    if args.json:
        found = {"codec": codec.name, "weights_sha256": codec.weights_sha256, "rows": [plain(row) for row in rows]}
        args.json.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except VqaudioError as error:
        sys.exit(f"conversion: {error}")
