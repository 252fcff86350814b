"""The store that a Ray cluster makes is the one that this machine makes, though a worker be killed."""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec, save_codec
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.containers.part import Part
from vqaudio.jobs.sources import Source
from vqaudio.jobs.stamps import stamp_of
from vqaudio.jobs.tokenize import ray_data
from vqaudio.jobs.tokenize.ray_data import BatchTokenizer, RayRun, connect, packed, reason_of, unpacked
from vqaudio.jobs.tokenize.readers import InlineReader

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")  # Ray's own
ROOT = Path(__file__).parents[3]
TITLE = "ray::MapWorker(MapBatches(BatchTokenizer)).submit"  # of a worker that has a batch
PATIENCE_S = 240.0
SPY = "open({marker!r}, 'a').close(); raise ImportError('foreign code ran')"


class Killer(threading.Thread):
    """Kills one worker in the midst of its batch."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.num_killed, self.is_over = 0, threading.Event()

    def run(self) -> None:
        while not self.is_over.wait(0.005):
            for entry in Path("/proc").glob("[0-9]*"):
                try:
                    title = (entry / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                if title.startswith(TITLE):
                    time.sleep(0.3)  # files have been read, codes are made
                    os.kill(int(entry.name), signal.SIGKILL)
                    self.num_killed += 1
                    return


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, int, Path]]:
    """Folders of the local store and of Ray's, how many workers were killed, and what foreign code would leave."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vqaudio[ray]'")
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("the workers to kill are found by /proc, which this system has not")
    folder = tmp_path_factory.mktemp("ray")
    recordings = folder / "recordings"
    shutil.copytree(ROOT / "data" / "samples", recordings)
    (recordings / "broken.wav").write_text("words")
    marker = folder / "foreign"
    for name in ("soundfile", "json", "torch", "vqaudio"):
        (recordings / f"{name}.py").write_text(SPY.format(marker=str(marker)))
    arguments = ["tokenize", ".", "--max-failures", "1", "--quiet", "--out"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))  # workers see this checkout, wherever it is installed
        patch.setattr(ray_data, "FILES_PER_BLOCK", 3)
        patch.chdir(recordings)
        assert main([*arguments, str(folder / "local")]) == 0
        killer = Killer()
        killer.start()
        assert main([*arguments, str(folder / "ray"), "--engine", "ray", "--workers", "2"]) == 0
        killer.is_over.set()
        killer.join(PATIENCE_S)
        yield folder / "local", folder / "ray", killer.num_killed, marker


def contents(store: Path) -> dict[str, bytes]:
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def test_a_killed_worker_loses_nothing_and_doubles_nothing(stores: tuple[Path, Path, int, Path]) -> None:
    local, distributed, num_killed, _ = stores
    assert num_killed == 1
    assert contents(distributed) == contents(local)
    assert "broken.wav" in (local / "failures.jsonl").read_text()


def test_code_in_the_current_folder_does_not_run_on_workers(stores: tuple[Path, Path, int, Path]) -> None:
    assert not stores[3].exists()


def test_a_run_without_anything_left_to_do_starts_no_cluster(
    stores: tuple[Path, Path, int, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    shutil.copytree(stores[1], store)
    (store / "failures.jsonl").write_text("")
    monkeypatch.setattr(ray_data, "connect", lambda *_: pytest.fail("a cluster was started"))
    arguments = ["tokenize", str(ROOT / "data" / "samples"), "--out", str(store), "--resume", "--engine", "ray"]
    assert main([*arguments, "--quiet"]) == 0


def test_a_cluster_that_nobody_runs_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recordings: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vqaudio[ray]'")
    arguments = ["tokenize", str(recordings), "--out", str(tmp_path / "out"), "--quiet", "--engine", "ray"]
    assert main([*arguments, "--ray-address", "127.0.0.1:1"]) == 1
    assert "the Ray cluster 127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def test_ray_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(VqaudioError, match=r"pip install 'vqaudio\[ray\]'"):
        connect(None, str(tmp_path))


@pytest.mark.parametrize("part", [None, Part(".flac", 512, 9_000), Part(".wav", 7, 0, "audio")])
def test_a_source_comes_to_a_worker_as_it_is_with_its_whole_path(part: Part | None, tmp_path: Path) -> None:
    source = Source("a\udce4/b.wav", str(tmp_path / "b.tar"), 9, "ada", "Wörter", None, 0.25, 1.5, part)
    assert unpacked(packed(source)) == source
    assert unpacked(packed(Source("b", "b.wav"))) == Source("b", str(Path.cwd() / "b.wav"))


def test_the_reason_of_an_error_is_its_cause() -> None:
    error = RuntimeError("a worker failed")
    error.__cause__ = VqaudioError("these codes are those of another codec\n")
    assert reason_of(error) == "these codes are those of another codec"
    assert reason_of(KeyError()) == "KeyError"


def test_pitch_comes_back_from_a_worker_with_its_codes(
    make_voiced_codec, voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_data, "ProcessReader", InlineReader)
    codec = make_voiced_codec(pitch_steps=32)
    save_codec(codec, tmp_path / "codec")
    soundfile.write(tmp_path / "sung.wav", voice(np.linspace(100, 200, 9_999)), 16_000)
    (tmp_path / "broken.wav").write_text("words")
    sources = [Source(name, str(tmp_path / name)) for name in ("sung.wav", "broken.wav")]
    stamp = stamp_of(open_codec(tmp_path / "codec"), pitch_steps=32)
    worker = BatchTokenizer(str(tmp_path / "codec"), stamp.to_json(), "cpu")
    batch = pa.table({"index": [0, 1], "source": [packed(source) for source in sources]})
    found, broken = RayRun(sources, str(tmp_path / "codec"), stamp)._outcomes_of(worker(batch))
    wanted = codec.encode_pitch(torch.from_numpy(read_audio(tmp_path / "sung.wav"))[None, None])
    assert found.pitch is not None
    assert (found.pitch.tolist(), found.pitch_median_hz) == (wanted.codes[0].tolist(), float(wanted.median_hz))
    assert found.pitch.any()
    assert (broken.codes, broken.pitch) == (None, None)
