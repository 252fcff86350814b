"""Speed and memory of one training step of the EMA quantizer.

    pip install '.[bench]' && python recipes/benchmarks/quantizer.py [--threads 2] [--rounds 15] [--rows 1 2 3 4 5]

Side by side, in turn within every round: `EmaQuantizer` (search, lookup, counts, sums, update, straight-through),
the EMA layer of vector-quantize-pytorch, and the matrix product `N x D @ D x K` that any search contains.
Two steps before the first round start both codebooks and compile our loops.
Another program on the machine slows all three, rarely at the same moment: so the table gives the fastest of all
rounds and, behind it, the median of the rounds' ratios. On a machine that never rests, `--threads 1 --cpu-time`
counts the processor's time instead of the clock's.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from vqaudio.quantizers.ema import EmaQuantizer
from vqaudio.quantizers.search import nearest_codes

SHAPES = [(1600, 64, 512), (8000, 64, 1024), (8000, 128, 1024), (16000, 256, 2048), (16000, 8, 8192)]
MIN_SPEEDUP, MAX_RATIO_TO_PRODUCT, MIN_WIDTH_FOR_RATIO = 5.0, 1.5, 64


def contestants(frames: Tensor, num_codes: int) -> dict[str, Callable[[], object]]:
    """One step of each, by name; both quantizers start from k-means and have made a few steps."""
    try:
        from vector_quantize_pytorch import VectorQuantize
    except ImportError as error:
        raise SystemExit('the peer is missing: pip install "vqaudio[bench]"') from error
    ours = EmaQuantizer(frames.shape[1], num_codes, kmeans_iterations=1).train()
    peer = VectorQuantize(dim=frames.shape[1], codebook_size=num_codes, decay=0.99, kmeans_init=True, kmeans_iters=1)
    peer.train()
    codebook = torch.randn(num_codes, frames.shape[1])
    batch = frames.unsqueeze(0)
    return {"ours": lambda: ours(batch), "peer": lambda: peer(batch), "product": lambda: frames @ codebook.t()}


def time_in_turn(
    steps: dict[str, Callable[[], object]], num_rounds: int, now: Callable[[], float]
) -> dict[str, list[float]]:
    """Milliseconds of each step in each round."""
    for step in steps.values():
        step()
        step()
    times_ms: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(num_rounds):
        for name, step in steps.items():
            begin = now()
            step()
            times_ms[name].append((now() - begin) * 1e3)
    return times_ms


def peak_extra_bytes(step: Callable[[], object]) -> int:
    """The most memory that torch held during a step beyond what it held before."""
    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        record.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = [(event["ts"], event["args"]["Bytes"]) for event in events if event["name"] == "[memory]"]
    return max(itertools.accumulate(num_bytes for _, num_bytes in sorted(changes, key=lambda change: change[0])))


def median_ratio(over: list[float], under: list[float]) -> float:
    """Median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def print_speed(shapes: list[tuple[int, int, int]], num_rounds: int, now: Callable[[], float]) -> bool:
    """The table of times; whether every row meets the bars."""
    print("| N, D, K | ours ms | peer ms | product ms | peer / ours (median) | ours / product (median) | |")
    print("|---|---|---|---|---|---|---|")
    has_met_all = True
    for num_frames, width, num_codes in shapes:
        torch.manual_seed(0)
        frames = torch.randn(num_frames, width, requires_grad=True)
        times = time_in_turn(contestants(frames, num_codes), num_rounds, now)
        ours, peer, product = (min(times[name]) for name in ("ours", "peer", "product"))
        has_met = peer / ours >= MIN_SPEEDUP
        if width >= MIN_WIDTH_FOR_RATIO:
            has_met = has_met and ours / product <= MAX_RATIO_TO_PRODUCT
        has_met_all = has_met_all and has_met
        print(
            f"| {num_frames}, {width}, {num_codes} | {ours:.2f} | {peer:.2f} | {product:.2f} "
            f"| {peer / ours:.1f} ({median_ratio(times['peer'], times['ours']):.1f}) "
            f"| {ours / product:.2f} ({median_ratio(times['ours'], times['product']):.2f}) "
            f"| {'met' if has_met else 'MISSED'} |",
            flush=True,
        )
    return has_met_all


def print_memory() -> None:
    """Peak extra memory while the number of frames grows: that of the search stays, but for the codes themselves."""
    width, num_codes = 64, 2048
    print(f"\nPeak extra memory, D {width}, K {num_codes}, MB:\n")
    print("| N | search | of this the codes | whole step | of this vectors and codes | matrix N x K |")
    print("|---|---|---|---|---|---|")
    for num_frames in (4000, 16000, 64000):
        frames = torch.randn(num_frames, width)
        quantizer = EmaQuantizer(width, num_codes, kmeans_iterations=0).train()
        codebook = frames[:num_codes].clone()
        search, step = (
            peak_extra_bytes(lambda frames=frames, codebook=codebook: nearest_codes(frames, codebook)),
            peak_extra_bytes(lambda frames=frames, quantizer=quantizer: quantizer(frames)),
        )
        codes, vectors = num_frames * 8, num_frames * width * 4
        row = (search, codes, step, vectors + codes, num_frames * num_codes * 4)
        print(f"| {num_frames} | " + " | ".join(f"{figure / 1e6:.1f}" for figure in row) + " |", flush=True)


def main() -> None:
    """Print both tables; exit 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Speed and memory of one training step of the EMA quantizer.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu-time", action="store_true", help="CPU time instead of the clock's; with --threads 1")
    every = list(range(1, len(SHAPES) + 1))
    parser.add_argument("--rows", type=int, nargs="+", choices=every, default=every, help="of the first table")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    clock = "CPU time" if arguments.cpu_time else "wall time"
    print(f"torch {torch.__version__}, {arguments.threads} threads, best of {arguments.rounds} rounds, {clock}\n")
    shapes = [SHAPES[row - 1] for row in arguments.rows]
    has_met_all = print_speed(shapes, arguments.rounds, time.process_time if arguments.cpu_time else time.perf_counter)
    print_memory()
    raise SystemExit(0 if has_met_all else 1)


if __name__ == "__main__":
    main()
