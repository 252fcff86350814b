"""Does speech that continues a prompt keep the voice of the prompt?

    python recipes/benchmarks/continuations.py --speech DIR [--prior units-16k] [--codec units-16k] [--seconds 4]

DIR holds metadata.csv with path, speaker and split.  Of every speaker of the evaluation split half of the recordings
teach a classifier of voices (see vqaudio/jobs/voice/scores.py); one of the others is the prompt.  Only what was
sampled after the prompt is judged.  Rows: the prompts themselves (control); the continuations; and the same codes in
the codec's typical voice (control).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_codec
from vqaudio.corpora.interface import by_speaker
from vqaudio.corpora.reading import read_corpus
from vqaudio.jobs.voice.sampling import Request, decode_samples, sample_speech
from vqaudio.jobs.voice.scores import VoiceClassifier
from vqaudio.prior.saving import open_prior

MIN_RECORDINGS = 4


def main(arguments: Sequence[str] | None = None) -> None:
    """Samples, judges and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speech", type=Path, required=True, metavar="DIR")
    parser.add_argument("--prior", default="units-16k")
    parser.add_argument("--codec", default="units-16k")
    parser.add_argument("--split", default="eval")
    parser.add_argument("--seconds", type=float, default=4.0, help="of new speech after each prompt (default: 4)")
    args = parser.parse_args(arguments)
    prior, codec = open_prior(args.prior), open_codec(args.codec)
    speakers = by_speaker(read_corpus("manifest", args.speech, split=args.split), at_least=MIN_RECORDINGS)
    rate_hz = codec.grid.sample_rate_hz
    taught = [(read_audio(one.path, rate_hz), name) for name, found in speakers.items() for one in found[::2]]
    classifier = VoiceClassifier([one for one, _ in taught], [name for _, name in taught], codec.grid)
    rows: dict[str, list[bool]] = {"prompts": [], "continued": [], "continued, typical voice": []}
    for number, (name, found) in enumerate(speakers.items()):
        prompt = Path(found[1].path)
        samples = sample_speech(prior, codec, Request(1, args.seconds, prompt=prompt, seed=number))
        start = samples.prompt_frames * codec.grid.hop_samples
        typical = codec.decode(torch.from_numpy(samples.codes[0])[None])[0, 0].detach().numpy()
        heard: list[NDArray[np.float32]] = [
            read_audio(prompt, rate_hz), next(decode_samples(codec, samples))[start:], typical[start:]
        ]  # fmt: skip
        for row, sound in zip(rows.values(), heard, strict=True):
            row.append(classifier.name(sound) == name)
    print(f"{len(speakers)} speakers, {len(taught)} recordings to know them by; chance {1 / len(speakers):.1%}")
    for title, row in rows.items():
        print(f"{title:<26} taken for the prompt's speaker: {np.mean(row):>6.1%}")


if __name__ == "__main__":
    main()
