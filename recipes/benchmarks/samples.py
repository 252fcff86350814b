"""Samples of a prior beside real speech and beside n-gram samplers, in numbers.

    python recipes/train_prior.py recipes/prior_units.yaml data.tokens=TOKENS data.second=0.3 out=runs/first
    python recipes/train_prior.py recipes/prior_units.yaml data.tokens=TOKENS data.second=0.3 data.part=second \
        out=runs/second
    python recipes/benchmarks/samples.py --prior runs/first/prior --second runs/second/prior --tokens TOKENS \
        [--alignments DIR] [--num 64] [--seconds 10] [--json FILE]

The speakers that the prior's training held out are split in two: one half is the reference, the other half stands in
the table as real speech.  Every row is cut to the same number of frames.  n-grams are fitted on the prior's training
speakers.  The second prior has heard neither these nor those held out; what it pays for a second of samples should be
what it pays for real speech: less says that they are duller, more that they are stranger.  With alignments each code
is read as the phone that it most often stands for in the training part.  Divergences: see vqaudio/prior/quality.py.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.probe.corpus import join_labels
from vqaudio.jobs.strict_json import plain
from vqaudio.jobs.voice.sampling import LEAST_S
from vqaudio.prior.config import SequenceConfig
from vqaudio.prior.corpus import CodeCorpus, read_codes
from vqaudio.prior.model import Prior
from vqaudio.prior.ngrams import fit_ngrams
from vqaudio.prior.quality import PhoneMap, SampleQuality, first_frames, measure_quality
from vqaudio.prior.sampling import Lengths, SamplingOptions, sample_codes
from vqaudio.prior.saving import find_prior, open_prior, read_section
from vqaudio.prior.scoring import Bits, log2_probabilities
from vqaudio.probes.codemap import fit_codemap
from vqaudio.probes.counts import UNLABELLED
from vqaudio.tokens.splits import speaker_share
from vqaudio.tokens.store import TokenStore

SAMPLERS = {"bigram": 2, "trigram": 3}
Codes = list[NDArray[np.int64]]


@dataclass(frozen=True)
class Row:
    """One kind of speech.  second_bits_per_second: what the second prior pays for it."""

    name: str
    quality: SampleQuality
    second_bits_per_second: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prior", required=True)
    parser.add_argument("--second", required=True)
    parser.add_argument("--tokens", type=Path, required=True)
    parser.add_argument("--alignments", type=Path)
    parser.add_argument("--labels", default="arpabet-39")
    parser.add_argument("--num", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-k", type=int, default=0)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    first, second = open_prior(args.prior), open_prior(args.second)
    store = TokenStore.open(args.tokens, first.language.stamp)
    if first.language.num_codebooks != 1 or second.language.stamp != first.language.stamp:
        raise VqaudioError("wanted two priors of the same single codebook")
    shares = read_section(find_prior(args.prior))["facts"]["data"]
    corpus = read_codes(store, SequenceConfig(1), validation=shares["validation"], second=shares["second"])
    phone_map = fit_phones(store, args.alignments, args.labels, shares["validation"]) if args.alignments else None
    rows = measure(args, first, second, corpus, phone_map)
    print_table(rows)
    if args.json:
        args.json.write_text(json.dumps([plain(asdict(row)) for row in rows], indent=2, allow_nan=False) + "\n")


def measure(
    args: argparse.Namespace, first: Prior, second: Prior, corpus: CodeCorpus, phone_map: PhoneMap | None
) -> list[Row]:
    rate_hz, num_codes = first.language.stamp.frame_rate_hz, first.language.stamp.codebook_size
    real = [one[:-1] for one in corpus.symbols(corpus.held_out)]
    reference, kinds = real[::2], {"real speech": real[1::2], **sampled(args, first, corpus)}
    num_frames = min(sum(map(len, codes)) for codes in kinds.values())
    rows = []
    for name, codes in kinds.items():
        cut = first_frames(codes, num_frames)
        quality = measure_quality(cut, reference, num_codes=num_codes, frame_rate_hz=rate_hz, phone_map=phone_map)
        rows.append(Row(name, quality, score(second, cut, rate_hz).per_second))
    print(f"{len(reference)} documents of reference, {num_frames / rate_hz:.0f} s in every row")
    return rows


def sampled(args: argparse.Namespace, prior: Prior, corpus: CodeCorpus) -> dict[str, Codes]:
    """Codes `t` by the name of their sampler."""
    rate_hz, language = prior.language.stamp.frame_rate_hz, prior.language
    lengths = Lengths(round(LEAST_S * rate_hz), round(args.seconds * rate_hz))
    options = SamplingOptions(args.temperature, args.top_k, args.top_p)
    found: dict[str, Codes] = {
        "prior": [codes[0] for codes in sample_codes(prior, args.num, lengths, options, seed=args.seed)]
    }
    for name, order in SAMPLERS.items():
        model = fit_ngrams(corpus.symbols(corpus.train), language.num_symbols, order)
        generators = [np.random.default_rng((args.seed, number)) for number in range(args.num)]
        bounds = {"min_symbols": lengths.min_frames, "max_symbols": lengths.max_frames}
        found[name] = [model.sample(generator, **bounds) for generator in generators]
    return found


def score(prior: Prior, codes: Sequence[NDArray[np.integer]], rate_hz: float) -> Bits:
    """What a prior pays for codes `t`, their ends not counted."""
    documents = [np.concatenate([prior.language.head(), one]).astype(np.int64) for one in codes]
    num_codes = sum(map(len, codes))
    return Bits.of(log2_probabilities(prior, documents), num_codes=num_codes, seconds=num_codes / rate_hz)


def fit_phones(store: TokenStore, alignments: Path, labels: str, validation: float) -> PhoneMap:
    """The phone of each code, from the speakers that are not held out."""
    frames = join_labels(store, alignments, labels=labels).frames
    kept = [
        speaker_share(None if speaker == "unknown" else speaker, row_id) >= validation
        for speaker, row_id in zip(frames.speakers, frames.ids, strict=True)
    ]
    is_used = np.array(kept)[frames.utterance_of_frame] & (frames.phones != UNLABELLED)
    counts = np.zeros((frames.num_codes, len(frames.labels.names)), dtype=np.int64)
    np.add.at(counts, (frames.codes[is_used], frames.phones[is_used]), 1)
    return PhoneMap(fit_codemap(counts), len(frames.labels.names))


def print_table(rows: list[Row]) -> None:
    print(f"{'':22}" + "".join(f"{row.name:>13}" for row in rows))
    for name in asdict(rows[0].quality):
        values = [asdict(row.quality)[name] for row in rows]
        if None not in values:
            print(f"{name:22}" + "".join(f"{value:13.3f}" for value in values))
    print(f"{'second, bits/s':22}" + "".join(f"{row.second_bits_per_second:13.1f}" for row in rows))


if __name__ == "__main__":
    main()
