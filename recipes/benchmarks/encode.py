"""Speed of a codec on a CPU beside transformers' EncodecModel (24 kHz, default configuration, random weights).

    python recipes/benchmarks/encode.py [--codec speech-16k] [--cores 2]

Milliseconds per second of audio, input at each codec's own rate.  `2 streams`: two inputs at once on one thread each,
as `vqaudio tokenize` uses two cores; `1 stream`: one input, both cores for its matrix products.  The two codecs take
turns, so that whatever else the machine does falls on both; a figure is the median over the rounds.  Weights do not
change the time, so random ones will do for either: `--codec random` builds vqaudio's default codec untrained.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import torch
from rich.console import Console
from rich.table import Table

from vqaudio.codec.build import build_codec
from vqaudio.codec.config import CodecConfig
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.core.errors import VqaudioError

PEER_RATE_HZ = 24_000
BARS = {"encode": 10.0, "decode": 3.0}


class Work(NamedTuple):
    """A name and its two timed halves."""

    name: str
    encode: Callable[[], object]
    decode: Callable[[], object]


def own_work(name: str, seconds: float) -> Work:
    """vqaudio: encoder and quantizer; all codebooks decoded."""
    codec: Codec = build_codec(CodecConfig()).eval() if name == "random" else open_codec(name)
    audio = torch.randn(1, 1, round(seconds * codec.grid.sample_rate_hz)) * 0.1
    codes = codec.encode(audio)
    return Work(f"vqaudio {name}", lambda: codec.encode(audio), lambda: codec.decode(codes))


def peer_work(seconds: float) -> Work:
    """EncodecModel at its default configuration, at its default bandwidth."""
    try:
        from transformers import EncodecConfig, EncodecModel
    except ImportError as error:
        raise VqaudioError("the peer needs transformers: pip install 'vqaudio[bench]'") from error
    model: Any = EncodecModel(EncodecConfig()).eval()  # its annotations leave open what encode returns
    audio = torch.randn(1, 1, round(seconds * PEER_RATE_HZ)) * 0.1
    encoded = model.encode(audio)
    scales = encoded.audio_scales
    return Work("EncodecModel", lambda: model.encode(audio), lambda: model.decode(encoded.audio_codes, scales))


def time_once(work: Callable[[], object], pool: ThreadPoolExecutor, num_streams: int) -> float:
    """Seconds for one input when so many are under way at once."""
    start = time.perf_counter()
    for stream in [pool.submit(_in_inference_mode, work) for _ in range(num_streams)]:
        stream.result()
    return (time.perf_counter() - start) / num_streams


def _in_inference_mode(work: Callable[[], object]) -> None:
    with torch.inference_mode():  # a mode of the thread
        work()


def time_in_turns(works: list[Work], half: str, num_rounds: int, num_streams: int) -> list[float]:
    """Median seconds of each, after one round to warm up."""
    calls = [work.encode if half == "encode" else work.decode for work in works]
    with ThreadPoolExecutor(num_streams) as pool:
        rounds = [[time_once(call, pool, num_streams) for call in calls] for _ in range(num_rounds + 1)][1:]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def main() -> None:
    """Print one line per number of threads and half."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", default="speech-16k", help="a shipped codec, a codec's folder, or random")
    parser.add_argument("--seconds", type=float, default=10.0, help="of audio in one call")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args()
    torch.manual_seed(0)
    table = Table("cores used by", "half", "vqaudio ms/s", "EncodecModel ms/s", "ratio", "bar", box=None)
    with torch.no_grad():  # opened as users open it: inference tensors have no version, and cost the kept codebooks
        works = [own_work(args.codec, args.seconds), peer_work(args.seconds)]
    ways = {
        f"{args.cores} streams": (args.cores, 1),
        f"1 stream, {args.cores} threads": (1, args.cores),
        "1 thread": (1, 1),
    }
    for way, (num_streams, num_threads) in ways.items():
        torch.set_num_threads(num_threads)
        for half, bar in BARS.items():
            timed = time_in_turns(works, half, args.rounds, num_streams)
            own, peer = (1000 * s / args.seconds for s in timed)
            table.add_row(way, half, f"{own:.2f}", f"{peer:.2f}", f"{peer / own:.1f}x", f"{bar:g}x")
    Console(width=90).print(table)
    print(f"{args.seconds:g} s inputs, medians of {args.rounds} rounds, torch {torch.__version__}")


if __name__ == "__main__":
    main()
