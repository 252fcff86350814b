"""How many codes change when the same codec runs under another instruction set.

    python recipes/benchmarks/instruction_sets.py DIR [--list FILE] [--codec speech-16k]

Each row is a process of its own whose libraries (ATen, MKL, oneDNN) are held to that set; codes are compared with those
under the machine's own.  They differ where two codes are nearly equally near: sums are rounded in another order.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from vqaudio.audio.files import read_audio
from vqaudio.jobs.evaluate.evaluation import choose_sources

SETTINGS = {
    "own": {},
    "AVX2": {"ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    "ATen default": {"ATEN_CPU_CAPABILITY": "default"},
}


def encode_all(args: argparse.Namespace) -> None:
    """Write the codes of all files, one after the other, `k t`."""
    import torch

    from vqaudio.codec.saving import open_codec

    torch.set_num_threads(1)
    codec, parts = open_codec(args.codec), []
    for source in choose_sources(args.audio, args.list):
        samples = read_audio(source.path, codec.grid.sample_rate_hz)
        with torch.inference_mode():
            parts.append(codec.encode(torch.from_numpy(samples)[None, None])[0].numpy())
    np.save(args.write, np.concatenate(parts, axis=1))
    print(torch.backends.cpu.get_cpu_capability())


def main() -> None:
    """Compare the settings and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("audio", type=Path, metavar="DIR")
    parser.add_argument("--list", type=Path, metavar="FILE", help="one path below DIR a line")
    parser.add_argument("--codec", default="speech-16k")
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        encode_all(args)
        return
    with tempfile.TemporaryDirectory() as folder:
        own: np.ndarray | None = None
        for name, environment in SETTINGS.items():
            path = Path(folder, f"{len(name)}.npy")
            command = [sys.executable, __file__, *sys.argv[1:], "--write", str(path)]
            told = subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, text=True)
            codes = np.load(path, allow_pickle=False)
            own = codes if own is None else own
            print(f"{name:14} {told.stdout.strip():8} {(codes != own).sum():,} of {codes.size:,} codes differ")


if __name__ == "__main__":
    main()
