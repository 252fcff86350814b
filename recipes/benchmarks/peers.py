"""How fast recordings become codes: `vqaudio tokenize` beside EncodecModel, MimiModel and DacModel, file by file.

    python recipes/benchmarks/peers.py --audio DIR [--files 200] [--rounds 2] [--cores 2] [--peers encodec mimi dac]

Every program reads the same files and ends with their codes, from the start of Python on; the programs take turns.
A peer is transformers' model at its default configuration with random weights, which take as long as any: soundfile and
soxr read and resample a file, the model encodes it, one after the other on all cores.  Peers see every tenth file,
vqaudio all of them; what counts is seconds of audio for each second on the clock, without the time that the same
program takes for one file.
"""

import argparse
import importlib.metadata
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from vqaudio.audio.files import audio_info
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import find_sources

WANTED = 12.0
EVERY = 10  # a peer's share of the files
PEERS = {
    "encodec": ("EncodecConfig", "EncodecModel"),
    "mimi": ("MimiConfig", "MimiModel"),
    "dac": ("DacConfig", "DacModel"),
}
PEER_CODE = """
import sys, numpy as np, soundfile, soxr, torch, transformers
config, model, cores, *paths = sys.argv[1:]
torch.set_num_threads(int(cores))
config = getattr(transformers, config)()
model = getattr(transformers, model)(config).eval()
with torch.inference_mode():
    for path in paths:
        samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
        samples = soxr.resample(samples.mean(1), rate_hz, config.sampling_rate)
        audio = torch.from_numpy(np.ascontiguousarray(samples))[None, None]
        if config.model_type == "dac":  # takes whole hops only
            audio = torch.nn.functional.pad(audio, (0, -audio.shape[-1] % model.config.hop_length))
        assert model.encode(audio).audio_codes.numel()
"""


def time_command(command: list[str]) -> float:
    """Seconds on the clock.  Raises VqaudioError if the program fails."""
    start_s = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise VqaudioError(f"{command[:4]} failed: {ended.stderr[-500:]}")
    return time.perf_counter() - start_s


def own_seconds(paths: list[str], codec: str) -> float:
    """Seconds of `vqaudio tokenize` for these files."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder) / "files.txt"
        listed.write_text("".join(f"{path}\n" for path in paths))
        options = ["--list", str(listed), "--out", f"{folder}/out", "--codec", codec, "--quiet"]
        return time_command([sys.executable, "-m", "vqaudio", "tokenize", *options])


def peer_seconds(paths: list[str], peer: str, cores: int) -> float:
    """Seconds of a peer for these files."""
    return time_command([sys.executable, "-c", PEER_CODE, *PEERS[peer], str(cores), *paths])


def main() -> None:
    """Print one line per program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--audio", type=Path, required=True)
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--codec", default="speech-16k")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    args = parser.parse_args()
    paths = [source.path for source in find_sources(args.audio) if source.refusal is None]
    paths = paths[:: max(1, len(paths) // args.files)][: args.files]
    few = paths[::EVERY]
    ways = {"vqaudio": (paths, lambda files: own_seconds(files, args.codec))}
    ways |= {peer: (few, lambda files, peer=peer: peer_seconds(files, peer, args.cores)) for peer in args.peers}
    audio_s = {name: sum(map(seconds_of, files)) - seconds_of(files[0]) for name, (files, _) in ways.items()}
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(args.rounds):
        for name, (files, run) in ways.items():
            speeds[name].append(audio_s[name] / (run(files) - run(files[:1])))
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    table = Table("program", "files", "x real time", "vqaudio is", box=None)
    for name, speed in medians.items():
        table.add_row(name, str(len(ways[name][0])), f"{speed:.1f}", f"{medians['vqaudio'] / speed:.1f}x as fast")
    Console(width=90).print(table)
    best = max(medians[peer] for peer in args.peers)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("transformers", "torch"))
    print(f"{medians['vqaudio'] / best:.1f}x the best peer, wanted {WANTED:g}x; {args.cores} cores, {versions}")


def seconds_of(path: str) -> float:
    """Length of a file."""
    info = audio_info(path)
    return info.num_samples / info.sample_rate_hz


if __name__ == "__main__":
    main()
