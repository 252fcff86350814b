"""Cost and memory of `vqaudio tokenize` as the number of files grows, and what a million hours would take.

    python recipes/benchmarks/scale.py [--files 100 1000 10000] [--workers 1 2] [--codec NAME|DIR]

The files are pieces of 2 s of data/samples, linked under as many names.  `core s/h`: CPU seconds of the whole tree of
processes for each hour of audio, without those of a run of one file, which is what starting costs.  `resume`: CPU
seconds of the same command once more with --resume, which finds everything done, without starting.  `peak MB`: the
highest resident set of the main process, libraries' files included, which processes share and whose pages peak when
they are unloaded; `own MB`: without those; `worker MB`: the highest resident set of a worker.  Flat: cost and own
memory of the largest run are within 10 % of those of the first with 1,000 files or more.  Let nothing else run.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import soundfile

from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import FRAMES_PER_SHARD, ROWS_PER_SHARD, TokenWriter

ROOT = Path(__file__).resolve().parents[2]
PIECE_S, FILES_IN_FOLDER = 2.0, 1_000
FLAT_FROM, TOLERANCE = 1_000, 0.10
BOOKS = (1, 2, 4, 8)
HOURS, RECORDING_S = 1_000_000, 10.0  # of the projection: recordings as long as an utterance
NODE_BYTES = 64 << 30  # of memory of a machine with 16 cores or so
PLAN = """
import resource, sys
from pathlib import Path
from vqaudio.jobs.tokenize.inputs import sources_of_paths
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before = used()
sources = sources_of_paths([Path(sys.argv[1])])
print(*(b - a for a, b in zip(before, used())))
"""


@dataclass(frozen=True)
class Run:
    """One run: hours of audio, CPU seconds with those of starting, peaks of memory in bytes."""

    num_files: int
    num_workers: int
    hours: float
    cpu_s: float
    start_cpu_s: float
    resume_cpu_s: float
    main_bytes: int
    own_bytes: int
    worker_bytes: int

    @property
    def cpu_s_per_hour(self) -> float:
        """Core-seconds for each hour of audio, beyond starting."""
        return (self.cpu_s - self.start_cpu_s) / self.hours


@dataclass(frozen=True)
class Planning:
    """What finding the files costs: CPU seconds and bytes for each."""

    cpu_s_per_file: float
    bytes_per_file: float


def write_pieces(samples: Path, folder: Path) -> list[Path]:
    """Cut the samples into pieces of PIECE_S; a rest is left out."""
    pieces = []
    for path in sorted(samples.rglob("*.flac")):
        rate_hz = soundfile.info(path).samplerate
        for block in soundfile.blocks(path, blocksize=round(PIECE_S * rate_hz), dtype="int16"):
            if len(block) == round(PIECE_S * rate_hz):
                pieces.append(folder / f"{len(pieces):04}.flac")
                soundfile.write(pieces[-1], block, rate_hz, subtype="PCM_16")
    return pieces


def link_files(pieces: list[Path], folder: Path, num_files: int) -> Path:
    """Make a corpus of links to the pieces in turn, FILES_IN_FOLDER in a folder."""
    for number in range(num_files):
        path = folder / f"{number // FILES_IN_FOLDER:05}" / f"{number:08}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(pieces[number % len(pieces)], path)
    return folder


def run_measured(command: list[str]) -> tuple[float, int, int, int]:
    """Run a command; return the CPU seconds of its tree, and the peaks of memory as Run has them."""
    before = cpu_of_children()
    process = subprocess.Popen(command)
    main_bytes = own_bytes = worker_bytes = 0
    while process.poll() is None:
        main_bytes = max(main_bytes, bytes_of(process.pid, "VmHWM"))
        own_bytes = max(own_bytes, bytes_of(process.pid, "RssAnon"))
        worker_bytes = max([worker_bytes, *(bytes_of(pid, "VmHWM") for pid in children_of(process.pid))])
        time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return cpu_of_children() - before, main_bytes, own_bytes, worker_bytes


def cpu_of_children() -> float:
    """CPU seconds of all processes that have ended, with those that they waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and not yet waited for."""
    with suppress(OSError):
        tasks = Path(f"/proc/{pid}/task").iterdir()
        return [int(word) for task in tasks for word in (task / "children").read_text().split()]
    return []


def bytes_of(pid: int, name: str) -> int:
    """A figure of a process's memory, by Linux's name for it; 0 when it has ended."""
    with suppress(OSError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return int(next(line for line in lines if line.startswith(name)).split()[1]) << 10
    return 0


def measure(audio: Path, out: Path, num_files: int, num_workers: int, codec: str, start: "Run | None") -> Run:
    """Tokenize a corpus, then resume the finished store.  start: the run of one file."""
    command = [sys.executable, "-m", "vqaudio", "tokenize", audio, "--out", out, "--codec", codec, "--quiet"]
    words = [str(word) for word in [*command, "--workers", num_workers]]
    cpu_s, *peaks = run_measured(words)
    resume_cpu_s, *_ = run_measured([*words, "--resume"])
    hours = sum(row.seconds for row in TokenStore.open(out)) / 3600
    before_s, resume_before_s = (start.cpu_s, start.resume_cpu_s) if start else (0.0, 0.0)
    return Run(num_files, num_workers, hours, cpu_s, before_s, resume_cpu_s - resume_before_s, *peaks)


def measure_planning(audio: Path, num_files: int) -> Planning:
    """Find the files in a process of its own."""
    said = subprocess.run([sys.executable, "-c", PLAN, str(audio)], check=True, capture_output=True, text=True).stdout
    cpu_s, num_bytes = map(float, said.split())
    return Planning(cpu_s / num_files, num_bytes / num_files)


def bytes_per_hour(store: TokenStore, folder: Path) -> dict[int, float]:
    """Write the rows again with fewer codebooks; bytes of the shards for each hour, by the number of codebooks."""
    hours, found = sum(row.seconds for row in store) / 3600, {}
    for books in (books for books in BOOKS if books <= store.stamp.num_codebooks):
        with TokenWriter(folder / str(books), replace(store.stamp, num_codebooks=books)) as writer:
            for row in store:
                writer.append(replace(row, codes=row.codes[:books]))
        shards = TokenStore.open(folder / str(books)).manifest.shards
        found[books] = sum(shard.num_bytes for shard in shards) / hours
    return found


def flatness(runs: Iterable[Run]) -> list[str]:
    """Say for each number of workers whether cost and memory stay what they were at FLAT_FROM files."""
    lines = []
    for num_workers in sorted({run.num_workers for run in runs}):
        own = sorted((run for run in runs if run.num_workers == num_workers), key=lambda run: run.num_files)
        own = [run for run in own if run.num_files >= FLAT_FROM]
        if len(own) < 2:
            lines.append(
                f"{num_workers} workers: two runs of {FLAT_FROM:,} files or more would tell whether it is flat"
            )
            continue
        first, last = own[0], own[-1]
        ratios = {
            "cost": last.cpu_s_per_hour / first.cpu_s_per_hour,
            "own memory": last.own_bytes / first.own_bytes,
            "worker memory": last.worker_bytes / max(1, first.worker_bytes),
        }
        told = ", ".join(
            f"{name} {'flat' if abs(ratio - 1) <= TOLERANCE else 'NOT FLAT'} (x {ratio:.2f})"
            for name, ratio in ratios.items()
        )
        lines.append(f"{num_workers} workers, {first.num_files:,} to {last.num_files:,} files: {told}")
    return lines


def projection(run: Run, planning: Planning, storage: dict[int, float], frame_rate_hz: float) -> list[str]:
    """Say what HOURS would take, from measured figures, and what comes to its end first."""
    num_files = HOURS * 3600 / RECORDING_S
    core_hours = run.cpu_s_per_hour * HOURS / 3600
    rows = min(ROWS_PER_SHARD, FRAMES_PER_SHARD / (RECORDING_S * frame_rate_hz))
    plan_bytes, plan_hours = planning.bytes_per_file * num_files, planning.cpu_s_per_file * num_files / 3600
    sizes = ", ".join(f"{books}: {size * HOURS / 1e12:.2f} TB" for books, size in storage.items())
    lines = [
        f"cores     {core_hours:,.0f} core-hours: {core_hours / 24 / 1000:,.1f} days on 1,000 cores",
        f"storage   by codebooks, {sizes}",
        f"shards    {num_files / rows:,.0f} Parquet files of {rows:,.0f} recordings",
        f"planning  {plan_hours:,.1f} core-hours and {plan_bytes / 1e9:,.0f} GB in each process that lists all",
    ]
    most = NODE_BYTES / max(1.0, planning.bytes_per_file)  # of few files no page more may be taken
    all_in_one = plan_bytes <= NODE_BYTES
    advice = f"the list of recordings, which each process holds whole; give each a manifest of up to {most:,.0f} rows"
    return [*lines, f"next      {'the cores: a machine holds the list of recordings' if all_in_one else advice}"]


def table(runs: Iterable[Run]) -> list[str]:
    """Format the runs as Markdown."""
    lines = [
        "| files | workers | hours | core s/h | all CPU s | starting | resume | peak MB | own MB | worker MB |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for run in runs:
        cells = (
            f"{run.num_files:,}", f"{run.num_workers}", f"{run.hours:.3f}", f"{run.cpu_s_per_hour:.1f}",
            f"{run.cpu_s:.1f}", f"{run.start_cpu_s:.1f}", f"{run.resume_cpu_s:.2f}", f"{run.main_bytes / 2**20:.0f}",
            f"{run.own_bytes / 2**20:.0f}", f"{run.worker_bytes / 2**20:.0f}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--codec", default="speech-16k")
    parser.add_argument("--scratch", type=Path, help="a folder on the disk to measure with (default: the system's)")
    args = parser.parse_args()
    sizes, runs = sorted(args.files), list[Run]()
    with tempfile.TemporaryDirectory(dir=args.scratch) as name:
        folder = Path(name)
        (folder / "pieces").mkdir()
        pieces = write_pieces(ROOT / "data" / "samples", folder / "pieces")
        corpora = {size: link_files(pieces, folder / f"audio-{size}", size) for size in {1, *sizes}}
        for workers in args.workers:
            start = measure(corpora[1], folder / f"start-{workers}", 1, workers, args.codec, None)
            for size in sizes:
                out = folder / f"tokens-{size}-{workers}"
                runs.append(measure(corpora[size], out, size, workers, args.codec, start))
        store = TokenStore.open(folder / f"tokens-{sizes[-1]}-{args.workers[-1]}")
        planning = measure_planning(corpora[sizes[-1]], sizes[-1])
        storage = bytes_per_hour(store, folder / "books")
    told = projection(runs[-1], planning, storage, store.stamp.frame_rate_hz)
    print(
        "\n".join(
            [*table(runs), "", *flatness(runs), "", f"{HOURS:,} hours in recordings of {RECORDING_S:g} s:", *told]
        )
    )


if __name__ == "__main__":
    main()
