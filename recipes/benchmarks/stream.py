"""What a stream costs: its delay, and the time of each block beside the sound in it, on one core.

    python recipes/benchmarks/stream.py [--codecs speech-16k units-16k] [--block-frames 1 2 5] [--cpu-time]

Speech in memory goes block by block through both ends of `vqaudio.open_stream`.  `codes after`, `sound after`: the
delay of the algorithm, counted in samples, from a sample in to its code and to its sound.  The other columns: the time
that a block takes over its duration, the median and the 99th percentile; while both ends together stay below 1 a core
keeps up with somebody who speaks.  With --cpu-time it is the time that the core worked, for a machine that is busy.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.live import open_stream
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.jobs.sources import find_sources

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
WARM_BLOCKS = 5
Clock = Callable[[], float]  # seconds


def speech(folder: Path, rate_hz: int, seconds: float) -> np.ndarray:
    """The recordings of a folder in a row, again and again, cut to so many seconds."""
    joined = np.concatenate([read_audio(source.path, rate_hz) for source in find_sources(folder)])
    return np.resize(joined, round(seconds * rate_hz))


def shares(codec: Codec, samples: np.ndarray, block_frames: int, clock: Clock) -> np.ndarray:
    """The time of each block over its duration, `b 2`: of the encoder, and of the decoder."""
    stream, size = open_stream(codec, block_frames=block_frames), block_frames * codec.grid.hop_samples
    times_s = []
    for at in range(0, len(samples) - size + 1, size):
        start_s = clock()
        codes = stream.encoder.push(samples[at : at + size])
        middle_s = clock()
        stream.decoder.push(codes)
        times_s.append((middle_s - start_s, clock() - middle_s))
    return np.array(times_s)[WARM_BLOCKS:] * codec.grid.sample_rate_hz / size


def rows(codec: Codec, samples: np.ndarray, sizes: list[int], clock: Clock) -> Iterator[list[str]]:
    """The cells of the table."""
    for block_frames in sizes:
        stream = open_stream(codec, block_frames=block_frames)
        ms = 1000 / stream.sample_rate_hz
        codes_ms = ms * stream.encoder.delay_samples
        sound_ms = codes_ms + ms * codec.decoder.lookahead_frames * codec.grid.hop_samples
        found = shares(codec, samples, block_frames, clock)
        both = np.concatenate([found, found.sum(axis=1, keepdims=True)], axis=1)
        median, late = np.median(both, axis=0), np.percentile(both, 99, axis=0)
        block_ms = ms * block_frames * codec.grid.hop_samples
        times = [f"{typical:.2f}, {rare:.2f}" for typical, rare in zip(median, late, strict=True)]
        yield [codec.name, f"{block_ms:.0f} ms", f"{codes_ms:.0f} ms", f"{sound_ms:.0f} ms", *times]


def main() -> None:
    """Print a table in Markdown, one line for each codec and size of blocks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codecs", nargs="+", default=["speech-16k", "units-16k"], help="shipped codecs, or folders")
    parser.add_argument("--block-frames", type=int, nargs="+", default=[1, 2, 5])
    parser.add_argument("--seconds", type=float, default=20.0, help="of speech for each line")
    parser.add_argument("--audio", type=Path, default=SAMPLES, help="a folder of recordings")
    parser.add_argument("--cpu-time", action="store_true", help="count the time that the core worked")
    args = parser.parse_args()
    clock = time.thread_time if args.cpu_time else time.perf_counter
    torch.set_num_threads(1)
    print("| codec | block | codes after | sound after | encoder | decoder | both |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in args.codecs:
        codec = open_codec(name)
        samples = speech(args.audio, codec.grid.sample_rate_hz, args.seconds)
        for cells in rows(codec, samples, args.block_frames, clock):
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
