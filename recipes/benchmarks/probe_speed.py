"""Time of the probes on a million frames.

    python recipes/benchmarks/probe_speed.py [--frames 1000000] [--codes 128 500 1024] [--rounds 3] [--json FILE]

Synthetic speech of 41 phones, 5 frames each, from 100 speakers; codes that tell the phone in half of the frames.
A probe is what `vqaudio probe` measures for one row of its table (counts, purity, PNMI, V-measure, AMI, mapping held
out by speaker, boundaries) and for all four rows; scikit-learn's clustering scores on the same frames stand beside it.
The fastest of the rounds counts; the target is 10 s for a million frames.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from vqaudio.probes.durations import bitrates, run_statistics
from vqaudio.probes.frames import LabelledFrames, LabelledUtterance, LabelSet, split_by_speaker
from vqaudio.probes.headline import code_controls, count_frames, gate, measure_headline

NUM_PHONES, PHONE_FRAMES, NUM_UTTERANCES, NUM_SPEAKERS, FRAME_RATE_HZ = 41, 5, 1000, 100, 50.0
TARGET_S = 10.0


def make_frames(num_frames: int, num_codes: int) -> LabelledFrames:
    generator = np.random.default_rng(0)
    names = tuple(f"p{number}" for number in range(NUM_PHONES))
    num_each = num_frames // NUM_UTTERANCES
    utterances = []
    for number in range(NUM_UTTERANCES):
        phones = np.repeat(generator.integers(0, NUM_PHONES, -(-num_each // PHONE_FRAMES)), PHONE_FRAMES)[:num_each]
        is_told = generator.random(num_each) < 0.5
        codes = np.where(is_told, phones % num_codes, generator.integers(0, num_codes, num_each))
        edges_s = (np.flatnonzero(np.diff(phones)) + 1) / FRAME_RATE_HZ
        utterances.append(LabelledUtterance(str(number), f"s{number % NUM_SPEAKERS}", codes, phones, edges_s))
    labels = LabelSet(names, frozenset(names[:1]))
    return LabelledFrames.join(utterances, num_codes=num_codes, labels=labels, frame_rate_hz=FRAME_RATE_HZ)


def probe_one(frames: LabelledFrames) -> None:
    measure_headline("codes", frames, split_by_speaker(frames.speakers))


def probe_all(frames: LabelledFrames) -> None:
    """As the command does, with a third control in the place of MFCC."""
    split, codes = split_by_speaker(frames.speakers), frames.codes_by_utterance()
    for name, one in (("codes", frames), *code_controls(frames), ("again", frames)):
        measure_headline(name, one, split)
    gate(count_frames(frames))
    run_statistics(codes, FRAME_RATE_HZ)
    bitrates(codes, frames.num_codes, FRAME_RATE_HZ)


def sklearn_scores(frames: LabelledFrames) -> None:
    from sklearn.metrics import adjusted_mutual_info_score, homogeneity_completeness_v_measure

    homogeneity_completeness_v_measure(frames.phones, frames.codes)
    adjusted_mutual_info_score(frames.phones, frames.codes)


def fastest_s(call: Callable[[LabelledFrames], None], frames: LabelledFrames, num_rounds: int) -> float:
    times = []
    for _ in range(num_rounds):
        start_s = time.perf_counter()
        call(frames)
        times.append(time.perf_counter() - start_s)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--codes", type=int, nargs="+", default=[128, 500, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    rows = []
    print(f"{'codes':>6} {'one row':>9} {'whole probe':>12} {'scikit-learn':>13}   seconds for {args.frames:,} frames")
    for num_codes in args.codes:
        frames = make_frames(args.frames, num_codes)
        times = [fastest_s(call, frames, args.rounds) for call in (probe_one, probe_all, sklearn_scores)]
        print(f"{num_codes:>6} {times[0]:>9.2f} {times[1]:>12.2f} {times[2]:>13.2f}")
        rows.append({"codes": num_codes, "one_row_s": times[0], "probe_s": times[1], "scikit_learn_s": times[2]})
    slowest_s = max(row["probe_s"] for row in rows)
    print(
        f"target of {TARGET_S:g} s: {'met' if slowest_s <= TARGET_S else 'missed'}, the slowest took {slowest_s:.2f} s"
    )
    if args.json:
        args.json.write_text(json.dumps({"frames": args.frames, "rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
