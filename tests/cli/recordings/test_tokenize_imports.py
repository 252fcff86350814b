"""What a run loads: every library of these would take memory in each process of a cluster, for nothing."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

# torch's own compilers, tables and figures for people, and what only other verbs need; 30 to 200 MB each.
NEEDLESS = {
    "IPython", "datasets", "huggingface_hub", "librosa", "matplotlib", "networkx", "numba", "numpy.testing", "pandas",
    "pyarrow.dataset", "pyarrow.pandas_compat", "rich.traceback", "scipy", "sklearn", "sympy", "tensorboard",
    "torch._dynamo", "torch._inductor", "torch.onnx", "torchaudio", "transformers", "triton",
}  # fmt: skip
PROGRAM = """
import sys
from vqaudio.cli.main import main
status = main(sys.argv[1:])
print(status, *sorted(sys.modules))
"""
PLANNING = """
import sys
from pathlib import Path
from vqaudio.jobs.tokenize.inputs import sources_of_paths
print(len(sources_of_paths([Path(sys.argv[1])])), *sorted(sys.modules))
"""
WORKER = """
import sys, vqaudio.jobs.tokenize.audio_worker
print(0, *sorted(sys.modules))
"""


def modules_of(program: str, *arguments: object) -> tuple[str, set[str]]:
    """What a program says first, and the modules that it has loaded at its end."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, *names = done.stdout.split()
    return said, set(names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "wavs").mkdir()
    soundfile.write(tmp_path / "wavs" / "short.wav", 0.1 * np.sin(np.arange(5_000)), 16_000)
    (tmp_path / "wavs" / "empty.wav").touch()
    return tmp_path / "wavs"


@pytest.mark.parametrize("workers", [0, 1])
def test_a_run_and_its_continuation_load_nothing_needless(
    folder: Path, tiny_codec: Path, tmp_path: Path, workers: int
) -> None:
    command = ["tokenize", folder, "--out", tmp_path / "out", "--codec", tiny_codec, "--quiet", "--workers", workers]
    for flags in ((), ("--resume",)):
        said, modules = modules_of(PROGRAM, *command, *flags)
        assert (said, modules & NEEDLESS) == ("2", set())
        assert {"torch", "pyarrow.parquet"} <= modules


def test_files_are_found_without_torch(folder: Path) -> None:
    said, modules = modules_of(PLANNING, folder)
    assert (said, modules & (NEEDLESS | {"torch"})) == ("2", set())


def test_a_worker_loads_neither_torch_nor_pyarrow() -> None:
    assert modules_of(WORKER)[1] & (NEEDLESS | {"torch", "pyarrow"}) == set()
