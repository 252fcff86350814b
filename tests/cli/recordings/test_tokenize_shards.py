"""`vqaudio tokenize --shard I/N` and `vqaudio merge` from outside: together they are one run."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from vqaudio.cli.main import main
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter


def content_of(store: Path) -> tuple[list[tuple], list[dict], dict, bytes]:
    """The rows by id with every field, the failures, the counts, and the bytes of the failure log."""
    opened = TokenStore.open(store)
    opened.verify()
    rows = sorted((row.id, *[v for k, v in vars(row).items() if k != "codes"], row.codes.tolist()) for row in opened)
    return rows, opened.failures(), opened.manifest.counts(), (store / "failures.jsonl").read_bytes()


@pytest.fixture
def mixed(recordings: Path, tmp_path: Path) -> Path:
    """Ten recordings and two files that are none."""
    shutil.copytree(recordings, tmp_path / "mixed")
    for name in ("speaker0/05.wav", "zero.wav"):
        (tmp_path / "mixed" / name).write_text("not audio")
    (tmp_path / "metadata.csv").write_text("path,speaker,text\nspeaker0/00.wav,ann,well yes\n")
    return tmp_path / "mixed"


@pytest.fixture
def run(tiny_codec: Path, mixed: Path, tmp_path: Path):
    """Runs `tokenize` on the recordings with failures allowed."""

    def call(out: str, *flags: str) -> int:
        arguments = ["tokenize", str(mixed), "--out", str(tmp_path / out), "--codec", str(tiny_codec), "--quiet"]
        metadata = ["--metadata", str(tmp_path / "metadata.csv")]
        return main([*arguments, *metadata, "--workers", "0", "--max-failures", "2", *flags])

    return call


@pytest.mark.parametrize("count", [1, 3, 5, 14])
def test_shards_merged_are_a_run_without_shards(run, tmp_path: Path, count: int, monkeypatch) -> None:
    assert run("whole") == 0
    monkeypatch.setitem(TokenWriter.__init__.__kwdefaults__, "rows_per_shard", 2)
    for index in range(count):
        assert run("parts", "--shard", f"{index}/{count}") == 0
    assert main(["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged"), "--quiet"]) == 0
    assert content_of(tmp_path / "merged") == content_of(tmp_path / "whole")
    assert len(content_of(tmp_path / "merged")[0]) == 10


def test_auto_is_the_rank_of_this_process(run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "3")
    assert run("auto", "--shard", "auto") == 0
    assert run("given", "--shard", "1/3") == 0
    name = "shard-00001-of-00003"
    assert content_of(tmp_path / "auto" / name) == content_of(tmp_path / "given" / name)
    assert [path.name for path in (tmp_path / "auto").iterdir()] == [name]


def test_info_says_which_shard_a_store_holds(run, tmp_path: Path, capsys) -> None:
    run("parts", "--shard", "1/3")
    assert main(["info", str(tmp_path / "parts" / "shard-00001-of-00003"), "--json"]) == 0
    shard = json.loads(capsys.readouterr().out)["run_shard"]
    assert (shard["index"], shard["count"], shard["num_recordings"]) == (1, 3, 12)


def test_a_task_that_is_started_again_alone_does_not_tokenize_all_recordings(
    run, tmp_path: Path, monkeypatch, capsys
) -> None:
    run("parts", "--shard", "1/3")
    for name, value in (("ID", 1), ("MIN", 1), ("MAX", 1), ("COUNT", 1), ("STEP", 1)):  # sbatch --array=1
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    for flag in ("--resume", "--overwrite"):
        assert run("parts", "--shard", "auto", flag) == 1
        assert "parts holds shard-00001-of-00003, and shard 0/1 would begin another run" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["shard-00001-of-00003"]


def test_resume_and_overwrite_hold_for_the_shard_alone(run, tmp_path: Path, capsys) -> None:
    for index in (0, 1):
        run("parts", "--shard", f"{index}/2")
    first, second = (tmp_path / "parts" / f"shard-0000{index}-of-00002" for index in (0, 1))
    kept = {path: path.read_bytes() for path in first.rglob("*.*")}
    assert run("parts", "--shard", "1/2") == 1
    assert "--resume continues it" in capsys.readouterr().err
    for flag in ("--resume", "--overwrite"):
        before = content_of(second)
        assert run("parts", "--shard", "1/2", flag) == 0
        assert content_of(second) == before
    assert {path: path.read_bytes() for path in first.rglob("*.*")} == kept


# The command, which dies as by kill -9 when it has encoded so many files.
KILLED = """
import os, sys
import vqaudio.jobs.tokenize.file_tokenizer as tokenizer, vqaudio.tokens.writer as writer
from vqaudio.cli.main import main
writer.TokenWriter.__init__.__kwdefaults__.update(rows_per_shard=2, save_every_s=0.0)
append, number = writer.TokenWriter.append, 0
def counted(self, row):
    global number
    append(self, row)
    number += 1
    if number == int(sys.argv[1]): os._exit(9)
writer.TokenWriter.append = counted
sys.exit(main(sys.argv[2:]))
"""


def test_a_killed_shard_is_not_merged_until_it_was_resumed(
    run, mixed: Path, tiny_codec: Path, tmp_path: Path, capsys
) -> None:
    run("whole")
    run("parts", "--shard", "1/2")
    arguments = ["tokenize", str(mixed), "--out", str(tmp_path / "parts"), "--codec", str(tiny_codec), "--workers", "0"]
    metadata = ["--metadata", str(tmp_path / "metadata.csv")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, "3", *arguments, *metadata, "--shard", "0/2"]
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 9
    merge = ["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged")]
    assert main(merge) == 1
    assert "shard-00000-of-00002 has 2 of its 6 recordings" in capsys.readouterr().err
    assert not (tmp_path / "merged").exists()
    assert run("parts", "--shard", "0/2", "--resume") == 0
    assert main(merge) == 0
    assert content_of(tmp_path / "merged") == content_of(tmp_path / "whole")
    told = capsys.readouterr().out
    assert "2 shards: 10 rows, 2 failures" in told


HOLD = """
import sys
from pathlib import Path
from vqaudio.tokens.failures import FailureLog
log = FailureLog(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_on_one_shard_is_refused_and_one_on_another_is_not(run, tmp_path: Path, capsys) -> None:
    folder = tmp_path / "parts" / "shard-00001-of-00002"
    folder.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], env=environment, text=True, stdin=PIPE, stdout=PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert run("parts", "--shard", "1/2", "--resume") == 1
        assert "another run is writing the token store" in capsys.readouterr().err
        assert run("parts", "--shard", "0/2") == 0
        child.communicate("")
    assert run("parts", "--shard", "1/2", "--resume") == 0


def test_recordings_that_came_meanwhile_do_not_move_others_between_shards(run, mixed: Path, tmp_path: Path, capsys):
    run("parts", "--shard", "0/2")
    shutil.copy(mixed / "speaker0" / "00.wav", mixed / "a.wav")
    assert run("parts", "--shard", "0/2", "--resume") == 1
    assert "had 12 recordings; now it has 13" in capsys.readouterr().err
    run("parts", "--shard", "1/2")
    assert main(["merge", str(tmp_path / "parts"), "--out", str(tmp_path / "merged")]) == 1
    assert "dealt from different recordings" in capsys.readouterr().err


def test_a_shard_whose_files_are_damaged_gets_no_recordings_of_other_shards(
    run, mixed: Path, tiny_codec: Path, tmp_path: Path, capsys
) -> None:
    run("parts", "--shard", "1/3")
    store = tmp_path / "parts" / "shard-00001-of-00003"
    before = content_of(store)[0]
    (store / "data" / "part-00000.parquet").write_bytes(b"x" * 5_000)
    mending = ["--repair", "--audio", str(mixed), "--codec", str(tiny_codec), "--workers", "0", "--quiet"]
    more = tmp_path / "more"
    shutil.copytree(mixed, more)
    shutil.copy(more / "speaker0" / "00.wav", more / "a.wav")
    assert main(["verify", str(store), *mending, "--audio", str(more)]) == 1
    assert "shard 1/3 of 12 recordings, these are 13" in capsys.readouterr().err
    main(["verify", str(store), *mending])
    assert [(row[0], row[-1]) for row in content_of(store)[0]] == [(row[0], row[-1]) for row in before]
    assert TokenStore.open(store).manifest.run_shard is not None
