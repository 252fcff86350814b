"""Throughput of `vqaudio tokenize` beside that of its encoder alone.

    python recipes/benchmarks/tokenize_speed.py [--codec NAME|DIR] [--files 500] [--audio DIR]

Both see the same recordings: 500 files of 2 to 15 s (16-bit FLAC of noise that falls with frequency as speech does,
or the files of --audio).  `encoder alone` has the samples in memory and encodes them with as many threads; `tokenize`
is the whole command, from the start of Python to the closed store.  Wanted: at least 70 %.  Run it on a machine with
nothing else to do.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.streaming import StreamingEncoder
from vqaudio.jobs.local import num_available_cpus
from vqaudio.jobs.walk import find_sources

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


def encode_alone(codec: Codec, recordings: list[np.ndarray], num_threads: int) -> float:
    """Seconds that the encoder needs for the samples, one file and one torch thread for each thread."""

    def encode(samples: np.ndarray) -> None:
        torch.set_num_threads(1)
        encoder = StreamingEncoder(codec)
        encoder.push(samples)
        encoder.finish()

    torch.set_num_threads(1)
    encode(recordings[0])
    start_s = time.perf_counter()
    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(encode, recordings))
    return time.perf_counter() - start_s


def tokenize(audio: Path, out: Path, codec: str) -> float:
    """Seconds that the command needs."""
    command = [sys.executable, "-m", "vqaudio", "tokenize", audio, "--out", out, "--codec", codec, "--quiet"]
    start_s = time.perf_counter()
    subprocess.run([str(word) for word in command], check=True)
    return time.perf_counter() - start_s


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
        codec, alone_s, whole_s = open_codec(args.codec), [], []
        for repeat in range(args.repeats):  # in turns: what else the machine does meets both
            alone_s.append(encode_alone(codec, recordings, num_threads))
            whole_s.append(tokenize(audio, Path(folder, f"tokens-{repeat}"), args.codec))
    print(f"{len(recordings)} files, {audio_s / 3600:.2f} h, {num_threads} threads, best of {args.repeats}")
    print(f"encoder alone     {min(alone_s):7.1f} s  {audio_s / min(alone_s):6.0f} x real time")
    print(f"vqaudio tokenize  {min(whole_s):7.1f} s  {audio_s / min(whole_s):6.0f} x real time")
    share = min(alone_s) / min(whole_s)
    print(f"tokenize reaches {share:.0%} of the encoder alone; wanted {WANTED:.0%}")
    sys.exit(share < WANTED)


if __name__ == "__main__":
    main()
