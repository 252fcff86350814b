"""What lanes bring on this machine, and how near the encoder comes to the speed of a matrix product.

    python recipes/benchmarks/lanes.py [--codec speech-16k] [--device cpu] [--lanes 1 2 4 8] [--threads 1]

The same signals in memory, 2 to 8 s each as recordings of speech are, go through the codec's encoder and quantizer with
1, 2, 4 and 8 lanes (`vqaudio.codec.lanes`), turn by turn; a figure is the median over the rounds.  `product`: the share
of the speed of a product of two 1024 x 1024 matrices, on as many threads in the same round, that the encoder's own
products reach.  On an accelerator, `--device cuda --lanes 1 16 64`.
"""

import argparse
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from vqaudio.codec.lanes import Lanes
from vqaudio.codec.model import Codec
from vqaudio.codec.saving import open_codec
from vqaudio.codec.streaming import StreamingEncoder, encode_rows

NUM_SIGNALS, SHORTEST_S, LONGEST_S = 60, 2.0, 8.0
SIDE = 1024


def encode_all(codec: Codec, signals: list[np.ndarray], num_lanes: int, num_threads: int) -> float:
    """Encode the signals; returns the seconds it took."""
    shared = Lanes(partial(encode_rows, codec, num_rows=num_lanes), num_lanes)

    def encode(samples: np.ndarray) -> None:
        torch.set_num_threads(1)
        with torch.inference_mode():
            encoder = StreamingEncoder(codec, encode=shared.run if num_lanes > 1 else None)
            encoder.push(samples)
            encoder.finish()

    num_streams = num_threads if num_lanes == 1 else 2 * num_lanes
    start_s = time.perf_counter()
    with ThreadPoolExecutor(num_streams) as pool:
        list(pool.map(encode, signals))
    return time.perf_counter() - start_s


def product_speed(device: torch.device, num_threads: int, num_products: int = 40) -> float:
    """Operations a second of a product of two square matrices, on every thread at once."""
    left, right = torch.randn(2, SIDE, SIDE, device=device)

    def multiply(_: int) -> None:
        torch.set_num_threads(1)
        torch.mm(left, right)

    multiply(0)
    start_s = time.perf_counter()
    with ThreadPoolExecutor(num_threads) as pool:
        list(pool.map(multiply, range(num_products)))
    if device.type != "cpu":
        torch.cuda.synchronize(device)
    return 2 * SIDE**3 * num_products / (time.perf_counter() - start_s)


def operations_per_second(codec: Codec) -> float:
    """Count the operations of the encoder's and the quantizer's products for a second of audio."""
    seconds = codec.window_samples / codec.grid.sample_rate_hz
    audio = torch.zeros(1, 1, codec.window_samples, device=codec.device)
    codec.encoder.train()  # the counter knows the convolutions of training
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        codec.encode(audio)
    codec.encoder.eval()
    return counter.get_total_flops() / seconds


def main() -> None:
    """Print one line per number of lanes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--codec", default="speech-16k", help="a shipped codec or a codec's folder")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--lanes", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument(
        "--threads", type=int, default=1, help="cores that one lane uses, each with a stream of its own; lanes use one"
    )
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    generator = np.random.default_rng(0)
    with torch.no_grad():
        codec = open_codec(args.codec, args.device)
    rate_hz = codec.grid.sample_rate_hz
    lengths = generator.uniform(SHORTEST_S, LONGEST_S, NUM_SIGNALS) * rate_hz
    signals = [(0.1 * generator.standard_normal(int(length))).astype(np.float32) for length in lengths]
    audio_s = sum(map(len, signals)) / rate_hz
    torch.set_num_threads(1)
    ways = {num_lanes: partial(encode_all, codec, signals, num_lanes, args.threads) for num_lanes in args.lanes}
    for work in ways.values():
        work()
    rounds = [
        (product_speed(codec.device, args.threads), [work() for work in ways.values()]) for _ in range(args.rounds)
    ]
    product = statistics.median(speed for speed, _ in rounds)
    flops = operations_per_second(codec)
    table = Table("lanes", "ms per second of audio", "to the first", "product", box=None)
    medians = [statistics.median(times[at] for _, times in rounds) for at in range(len(ways))]
    for num_lanes, wall_s in zip(ways, medians, strict=True):
        share = flops * audio_s / wall_s / product
        table.add_row(
            str(num_lanes), f"{1000 * wall_s / audio_s:.2f}", f"{medians[0] / wall_s:.2f}x", f"{100 * share:.0f} %"
        )
    Console(width=90).print(table)
    print(f"{args.threads} threads, {flops / 1e9:.2f} GFLOP per second of audio, torch {torch.__version__}")


if __name__ == "__main__":
    main()
