"""Workers run the package and the libraries of this process, and nothing that lies beside the recordings."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.worker_process import WorkerProcess, isolated_python

HOSTILE = "import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n"
NAMES = ("soundfile", "json", "numpy", "soxr", "struct", "signal", "pocketsphinx", "vqaudio", "sitecustomize")

# A worker that says on stderr what it is told to say, and then answers or dies.
TALKER = """
import os, sys
from vqaudio.jobs.worker import DONE, send, serve
def answer(request, answers):
    os.write(2, request["says"].encode())
    if request["dies"]: os._exit(3)
    send(answers, DONE, b"")
serve(answer)
"""


@pytest.fixture
def talker() -> Iterator[WorkerProcess]:
    worker = WorkerProcess("talker", TALKER, patience_s=300.0)
    yield worker
    worker.close()


def death_of(worker: WorkerProcess, says: str) -> str:
    with pytest.raises(VqaudioError) as caught:
        list(worker.answers({"says": says, "dies": True}))
    return str(caught.value)


def test_the_last_words_of_a_worker_are_about_its_own_file(talker: WorkerProcess) -> None:
    died = "the talker process died (exit status 3) while it read this file"
    assert death_of(talker, "mumble\nout of eggs\n") == f"{died}: out of eggs"
    assert death_of(talker, "") == died
    assert death_of(talker, "out of flour") == f"{died}: out of flour"
    list(talker.answers({"says": "never mind\n" * 1000, "dies": False}))
    assert death_of(talker, "") == died


def test_a_worker_that_died_between_two_files_costs_none(talker: WorkerProcess) -> None:
    list(talker.answers({"says": "", "dies": False}))
    assert talker._process is not None
    talker._process.kill()
    talker._process.wait()
    assert [tag for tag, _ in talker.answers({"says": "", "dies": False})] == [b"D"]


# A worker that says what it is told to say three times, and then how many threads its libraries have.
CHATTERER = """
import os
from vqaudio.jobs.worker import DONE, SAMPLES, send, serve
def answer(request, answers):
    for _ in range(3): send(answers, SAMPLES, request["says"].encode())
    send(answers, DONE, os.environ["OMP_NUM_THREADS"].encode())
serve(answer)
"""


def test_answers_that_nobody_read_are_not_those_of_the_next_file(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    worker = WorkerProcess("chatterer", CHATTERER, patience_s=300.0)
    left_early = worker.answers({"says": "one"})
    assert next(left_early) == (b"S", b"one")
    left_early.close()
    assert list(worker.answers({"says": "two"})) == [(b"S", b"two")] * 3 + [(b"D", b"1")]
    worker.close()


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder of recordings in which modules lie under names that a worker imports."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    return tmp_path


@pytest.mark.parametrize("module", ["tokenize.audio_worker", "align.worker"])
def test_code_in_the_current_folder_is_not_run_by_a_worker(hostile: Path, module: str) -> None:
    command = isolated_python(f"import numpy, soundfile, vqaudio.jobs.{module} as worker; print(worker.__file__)")
    told = subprocess.run(command, cwd=hostile, capture_output=True, text=True, check=True).stdout
    assert Path(told.strip()).is_relative_to(Path(__file__).parents[2] / "vqaudio")
    assert sorted(hostile.glob("*.ran")) == []


def test_a_worker_finds_nothing_in_the_current_folder_where_its_parent_did(tmp_path: Path, monkeypatch) -> None:
    """`python -m vqaudio` has that folder in its path; an optional library that is missing would come from there."""
    elsewhere, here = tmp_path / "elsewhere", tmp_path / "here"
    for folder in (elsewhere, here, here / "below"):
        folder.mkdir()
        (folder / f"lies_{folder.name}.py").write_text("")
        monkeypatch.syspath_prepend(str(folder) if folder.parent != here else "below")
    monkeypatch.chdir(here)
    command = isolated_python(
        "from importlib.util import find_spec\nprint(*map(find_spec, ['lies_elsewhere', 'lies_here', 'lies_below']))"
    )
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "lies_elsewhere.py" in told
    assert told.strip().endswith("None None")


@pytest.mark.parametrize("name", NAMES[:3])
def test_tokenizing_in_a_folder_with_such_code_runs_none_of_it(hostile: Path, samples_dir: Path, name: str) -> None:
    """The whole verb, as its console script starts it: from a file outside of the folder."""
    script = hostile.parent / "bin" / "vqaudio"
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        f"import sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from vqaudio.cli.main import main\nsys.exit(main())\n"
    )
    command = [sys.executable, "-s", str(script), "tokenize", str(samples_dir / "ada"), "--out", f"tokens-{name}"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, cwd=hostile, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert sorted(hostile.glob("*.ran")) == []


def test_a_plain_start_in_that_folder_would_run_it(hostile: Path) -> None:
    """What the test above must be able to see."""
    subprocess.run([sys.executable, "-c", "import soundfile"], cwd=hostile, capture_output=True)
    assert (hostile / "soundfile.ran").exists()
