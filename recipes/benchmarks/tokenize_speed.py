"""Throughput of `vqaudio tokenize` beside that of its encoder alone.

    python recipes/benchmarks/tokenize_speed.py [--codec NAME|DIR] [--files 500] [--audio DIR]

Both see the same recordings: 500 files of 2 to 15 s (16-bit FLAC of noise that falls with frequency as speech does,
or the files of --audio).  `encoder alone` has the samples in memory and encodes them with as many threads; `tokenize`
is the whole command, from the start of Python to the closed store.  Wanted: at least 70 % of the throughput.  Where
other programs want the cores too, the CPU seconds (of all threads and processes) are the figure to look at.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.streaming import StreamingEncoder
from vqaudio.jobs.sources import find_sources
from vqaudio.jobs.tokenize.local import num_available_cpus

RATE_HZ = 16_000
SHORTEST_S, LONGEST_S = 2.0, 15.0
WANTED = 0.70


def write_recordings(root: Path, num_files: int) -> None:
    """Files of noise whose steps are small, so that FLAC has as much to do as with speech."""
    generator = np.random.default_rng(0)
    for index in range(num_files):
        steps = generator.standard_normal(int(generator.uniform(SHORTEST_S, LONGEST_S) * RATE_HZ))
        samples = np.convolve(steps, 0.8 ** np.arange(24), mode="same")
        soundfile.write(root / f"{index:04}.flac", 0.05 * samples, RATE_HZ, subtype="PCM_16")


class Cost(NamedTuple):
    """What a piece of work took: seconds on the clock, and CPU seconds of all threads and processes."""

    wall_s: float
    cpu_s: float


def measure(work: Callable[[], object]) -> Cost:
    """The cost of one call."""

    def cpu_s() -> float:
        usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(usage.ru_utime + usage.ru_stime for usage in usages)

    start_s, start_cpu_s = time.perf_counter(), cpu_s()
    work()
    return Cost(time.perf_counter() - start_s, cpu_s() - start_cpu_s)


def encode_alone(codec: Codec, recordings: list[np.ndarray], num_threads: int) -> None:
    """Only the encoder: one file for each thread at a time, one torch thread each."""

    def encode(samples: np.ndarray) -> None:
        torch.set_num_threads(1)
        encoder = StreamingEncoder(codec)
        encoder.push(samples)
        encoder.finish()

    torch.set_num_threads(1)
    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(encode, recordings))


def tokenize(audio: Path, out: Path, codec: str) -> None:
    """The whole command."""
    command = [sys.executable, "-m", "vqaudio", "tokenize", audio, "--out", out, "--codec", codec, "--quiet"]
    subprocess.run([str(word) for word in command], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", default="speech-16k")
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--audio", type=Path, help="recordings of your own instead of noise")
    parser.add_argument("--repeats", type=int, default=2, help="the best of so many runs counts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        audio = args.audio or Path(folder, "audio")
        if not args.audio:
            audio.mkdir()
            write_recordings(audio, args.files)
        recordings = [read_audio(source.path, RATE_HZ) for source in find_sources(audio)]
        audio_s, num_threads = sum(map(len, recordings)) / RATE_HZ, num_available_cpus()
        codec, alone, whole = open_codec(args.codec), [], []
        encode_alone(codec, recordings[:1], 1)
        for repeat in range(args.repeats):  # in turns: what else the machine does meets both
            alone.append(measure(partial(encode_alone, codec, recordings, num_threads)))
            whole.append(measure(partial(tokenize, audio, Path(folder, f"tokens-{repeat}"), args.codec)))
    print(f"{len(recordings)} files, {audio_s / 3600:.2f} h, {num_threads} threads, best of {args.repeats}")
    best = {
        "encoder alone": Cost(*map(min, zip(*alone, strict=True))),
        "vqaudio tokenize": Cost(*map(min, zip(*whole, strict=True))),
    }
    for name, cost in best.items():
        print(f"{name:16} {cost.wall_s:7.1f} s {audio_s / cost.wall_s:6.0f} x real time {cost.cpu_s:7.1f} CPU s")
    share, cpu_share = (a / b for a, b in zip(*best.values(), strict=True))
    print(f"tokenize reaches {share:.0%} of the encoder alone ({cpu_share:.0%} by CPU seconds); wanted {WANTED:.0%}")
    sys.exit(share < WANTED)


if __name__ == "__main__":
    main()
