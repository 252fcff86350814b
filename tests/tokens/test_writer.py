import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow.parquet as pq
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 1_024)


def row(number: int, num_frames: int = 10) -> TokenRow:
    codes = np.random.default_rng(number).integers(0, 1_024, (2, num_frames))
    return TokenRow(f"{number:04d}.wav", codes, 320 * num_frames, 16_000, num_frames / 50)


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def content_of(folder: Path) -> dict[str, list]:
    return {one.id: one.codes.tolist() for one in TokenStore.open(folder)}


def write(folder: Path, numbers, mode: Literal["new", "resume", "overwrite"] = "new", **options) -> None:
    with TokenWriter(folder, STAMP, mode=mode, **options) as writer:
        for number in numbers:
            writer.append(row(number))


def test_nothing_but_the_manifest_the_failures_and_the_shards_is_left(tmp_path):
    write(tmp_path / "a", range(5), rows_per_shard=2)
    shards = [f"data/part-0000{number}.parquet" for number in range(3)]
    assert files_in(tmp_path / "a") == [*shards, "failures.jsonl", "vqaudio.json"]
    write(tmp_path / "empty", [])
    assert files_in(tmp_path / "empty") == ["failures.jsonl", "vqaudio.json"]
    assert list(TokenStore.open(tmp_path / "empty")) == []


def test_shards_are_cut_by_rows_and_by_frames(tmp_path):
    with TokenWriter(tmp_path, STAMP, rows_per_shard=3, frames_per_shard=100) as writer:
        for number, num_frames in enumerate([10, 10, 10, 99, 1, 5_000, 10]):
            writer.append(row(number, num_frames))
    assert [shard.num_rows for shard in TokenStore.open(tmp_path).manifest.shards] == [3, 2, 1, 1]


def test_every_row_of_a_large_shard_is_found_by_its_id(tmp_path):
    write(tmp_path, range(600), rows_per_shard=1_000)
    store = TokenStore.open(tmp_path)
    for number in (0, 255, 256, 511, 512, 599):
        found = store.row(f"{number:04d}.wav")
        assert (found.id, found.codes.tolist()) == (f"{number:04d}.wav", row(number).codes.tolist())


def test_while_a_store_is_written_its_complete_shards_can_be_read(tmp_path):
    with TokenWriter(tmp_path, STAMP, rows_per_shard=2) as writer:
        assert TokenStore.open(tmp_path).num_rows == 0
        for number in range(5):
            writer.append(row(number))
        assert list(content_of(tmp_path)) == ["0000.wav", "0001.wav", "0002.wav", "0003.wav"]
        assert writer.done_ids == set(content_of(tmp_path))
    assert TokenStore.open(tmp_path).num_rows == 5


def test_an_existing_store_is_refused_with_both_ways_out(tmp_path):
    write(tmp_path, range(2))
    with pytest.raises(VqaudioError, match=r"--resume.*--overwrite"):
        TokenWriter(tmp_path, STAMP)
    assert len(content_of(tmp_path)) == 2


@pytest.mark.parametrize("left", ["data/part-00000.parquet", "failures.jsonl", "vqaudio.json"])
def test_what_is_left_of_a_store_is_refused_too(tmp_path, left):
    write(tmp_path, range(3))
    for name in {*files_in(tmp_path)} - {left}:
        (tmp_path / name).unlink()
    with pytest.raises(VqaudioError, match="holds a token store; --resume continues it, --overwrite replaces it"):
        TokenWriter(tmp_path, STAMP)
    assert files_in(tmp_path) == [left]


def test_a_shard_takes_1024_rows_or_half_a_million_frames(tmp_path):
    with TokenWriter(tmp_path / "rows", STAMP) as writer:
        for number in range(1_025):
            writer.append(row(number, 1))
    long = replace(row(0), codes=np.zeros((2, 499_999), int), num_samples=320 * 499_999)
    with TokenWriter(tmp_path / "frames", STAMP) as writer:
        for one in (long, row(1, 1), row(2, 1)):
            writer.append(one)
    for name, wanted in (("rows", [1_024, 1]), ("frames", [2, 1])):
        assert [shard.num_rows for shard in TokenStore.open(tmp_path / name).manifest.shards] == wanted


def test_a_folder_with_other_files_may_hold_a_store(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, range(2))
    write(tmp_path, range(3), mode="overwrite")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_overwriting_leaves_nothing_of_the_old_store(tmp_path):
    write(tmp_path, range(9), rows_per_shard=2)
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        writer.fail("old.wav", "old")
    with TokenWriter(tmp_path, replace(STAMP, weights_sha256="cd" * 32), mode="overwrite") as writer:
        writer.append(row(99))
    store = TokenStore.open(tmp_path)
    assert (store.ids(), store.failures(), store.stamp.weights_sha256) == (["0099.wav"], [], "cd" * 32)
    assert files_in(tmp_path) == ["data/part-00000.parquet", "failures.jsonl", "vqaudio.json"]


def test_a_damaged_store_can_be_overwritten(tmp_path):
    write(tmp_path, range(3))
    (tmp_path / "vqaudio.json").write_text("{")
    (tmp_path / "failures.jsonl").write_text("nonsense\n")
    write(tmp_path, range(2), mode="overwrite")
    assert len(content_of(tmp_path)) == 2


def test_resuming_starts_a_store_where_there_is_none_and_continues_one(tmp_path):
    write(tmp_path, range(3), mode="resume")
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        assert writer.done_ids == {"0000.wav", "0001.wav", "0002.wav"}
        with pytest.raises(VqaudioError, match=r"has a row '0001.wav' already"):
            writer.append(row(1))
        writer.append(row(3))
        with pytest.raises(VqaudioError, match=r"has a row '0003.wav' already"):
            writer.append(row(3))
    assert TokenStore.open(tmp_path).ids() == ["0000.wav", "0001.wav", "0002.wav", "0003.wav"]


@pytest.mark.parametrize("change", [{"weights_sha256": "0" * 64}, {"num_codebooks": 1}, {"hop_samples": 160}])
def test_resuming_with_another_codec_is_refused_with_both_names(tmp_path, change):
    write(tmp_path, range(3))
    before = (tmp_path / "vqaudio.json").read_bytes()
    with pytest.raises(VqaudioError, match=r"written by speech .*not by other"):
        TokenWriter(tmp_path, replace(STAMP, name="other", **change), mode="resume")
    assert (tmp_path / "vqaudio.json").read_bytes() == before


def test_the_same_weights_under_another_name_continue_the_store(tmp_path):
    write(tmp_path, range(3))
    (tmp_path / "vqaudio.json").unlink()  # killed before the first manifest: the shards tell their codec
    with TokenWriter(tmp_path, replace(STAMP, name="renamed"), mode="resume") as writer:
        writer.append(row(3))
    assert len(content_of(tmp_path)) == 4


@pytest.mark.parametrize("num_listed", [0, 1, 2])
def test_shards_that_were_complete_when_the_run_was_killed_are_adopted(tmp_path, num_listed):
    write(tmp_path / "whole", range(6), rows_per_shard=2)
    write(tmp_path / "killed", range(6), rows_per_shard=2)
    manifest = tmp_path / "killed" / "vqaudio.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "shards": content["shards"][:num_listed]}))
    with TokenWriter(tmp_path / "killed", STAMP, mode="resume") as writer:
        assert len(writer.done_ids) == 6
    assert manifest.read_bytes() == (tmp_path / "whole" / "vqaudio.json").read_bytes()


def test_a_shard_of_another_codec_or_place_is_not_adopted(tmp_path):
    write(tmp_path / "a", range(2))
    with TokenWriter(tmp_path / "b", replace(STAMP, weights_sha256="cd" * 32)) as writer:
        writer.append(row(0))
    foreign = (tmp_path / "b" / "data" / "part-00000.parquet").read_bytes()
    for name, said in (("part-00001.parquet", "was written by"), ("part-00007.parquet", "no part of the store")):
        (tmp_path / "a" / "data" / name).write_bytes(foreign)
        with pytest.raises(VqaudioError, match=said):
            TokenWriter(tmp_path / "a", STAMP, mode="resume")
        (tmp_path / "a" / "data" / name).unlink()


def test_half_written_files_of_a_killed_run_are_removed(tmp_path):
    write(tmp_path, range(2))
    for name in (".vqaudio.json.writing", ".failures.jsonl.writing", "data/.part-00001.parquet.writing"):
        (tmp_path / name).write_bytes(b"half")
    write(tmp_path, [], mode="resume")
    assert files_in(tmp_path) == ["data/part-00000.parquet", "failures.jsonl", "vqaudio.json"]


def test_a_failed_file_is_told_once_however_often_it_is_tried(tmp_path):
    for reason in ("first", "second", "third"):
        with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
            writer.fail("a.wav", reason, warnings=["odd"])
            writer.fail("b.wav", reason)
            assert writer.num_failures == 2
    with TokenWriter(tmp_path, STAMP, mode="resume") as writer:
        writer.append(replace(row(0), id="b.wav"))  # mended meanwhile
    assert TokenStore.open(tmp_path).failures() == [{"id": "a.wav", "reason": "third", "warnings": ["odd"]}]
    assert len((tmp_path / "failures.jsonl").read_text().splitlines()) == 1


def test_a_failure_that_a_killed_run_left_beside_its_row_is_forgotten(tmp_path):
    write(tmp_path, range(2))
    (tmp_path / "failures.jsonl").write_text('{"id": "0001.wav", "reason": "old"}\n{"id": "x.wav", "reason": "new"}\n')
    assert TokenStore.open(tmp_path).failures() == [{"id": "x.wav", "reason": "new"}]
    write(tmp_path, [], mode="resume")
    assert (tmp_path / "failures.jsonl").read_text() == '{"id": "x.wav", "reason": "new"}\n'


def test_rows_that_are_complete_are_kept_when_the_run_ends_in_an_error(tmp_path):
    def interrupted() -> None:
        with TokenWriter(tmp_path, STAMP) as writer:
            writer.append(row(0))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert TokenStore.open(tmp_path).ids() == ["0000.wav"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"codes": np.zeros((3, 10), int)}, r"wanted integer codes of shape \(2, 10\)"),
        ({"codes": np.zeros((2, 11), int)}, r"wanted integer codes of shape \(2, 10\)"),
        ({"codes": np.zeros((2, 10))}, "float64"),
        ({"codes": np.full((2, 10), 1_024)}, "codebooks of 1024"),
        ({"codes": np.full((2, 10), -1)}, "codebooks of 1024"),
        ({"id": "caf\udce9.wav"}, "not valid Unicode"),
        ({"speaker": "Andr\udce9"}, "not valid Unicode"),
        ({"text": "caf\udce9"}, "not valid Unicode"),
    ],
)
def test_rows_that_do_not_fit_the_stamp_are_refused_and_the_rest_is_kept(tmp_path, change, said):
    with TokenWriter(tmp_path, STAMP) as writer:
        for take in (writer.append, writer.save_early):
            with pytest.raises(VqaudioError, match=said):
                take(replace(row(0), **change))
        writer.append(replace(row(1), codes=np.tile([0, 1_023], (2, 5))))
    assert TokenStore.open(tmp_path).ids() == ["0001.wav"]


def test_a_place_that_cannot_be_written_is_told_in_words(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VqaudioError, match="cannot be made"):
        TokenWriter(tmp_path / "file" / "store", STAMP)


WRITING = """
import sys, time
import numpy as np
from pathlib import Path
from typing import Literal
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.writer import TokenWriter

stamp = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 1_024)
with TokenWriter(sys.argv[1], stamp, mode="resume", rows_per_shard=3) as writer, open(sys.argv[2], "a") as log:
    for number in range(60):
        name = f"{number:04d}.wav"
        if name in writer.done_ids:
            continue
        print(name, "in", len(writer.done_ids), file=log, flush=True)
        time.sleep(0.002)
        if number % 10 == 9:
            writer.fail(name, "broken" * 200)
        else:
            codes = np.random.default_rng(number).integers(0, 1_024, (2, 10))
            writer.append(TokenRow(name, codes, 3_200, 16_000, 0.2))
"""


def start_writing(folder: Path, log: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", WRITING, str(folder), str(log)], env=environment)


def test_a_second_writer_is_refused_while_the_first_one_lives(tmp_path):
    with TokenWriter(tmp_path / "a", STAMP) as writer:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        command = [sys.executable, "-c", WRITING, str(tmp_path / "a"), str(tmp_path / "log")]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert "another run is writing the token store" in done.stderr
        writer.append(row(0))
    assert TokenStore.open(tmp_path / "a").ids() == ["0000.wav"]


def test_a_store_killed_at_any_moment_is_readable_and_ends_as_one_that_was_not(tmp_path):
    whole, killed, log = tmp_path / "whole", tmp_path / "killed", tmp_path / "log"
    assert start_writing(whole, tmp_path / "whole-log").wait() == 0
    rng, num_kills = random.Random(0), 0
    for _ in range(4):
        child = start_writing(killed, log)
        deadline_s = time.monotonic() + 300
        size_before = log.stat().st_size if log.exists() else 0
        while child.poll() is None and not (log.exists() and log.stat().st_size > size_before):
            assert time.monotonic() < deadline_s
            time.sleep(0.002)
        time.sleep(rng.uniform(0.0, 0.05))
        child.send_signal(signal.SIGKILL)
        num_kills += child.wait() == -signal.SIGKILL
        store = TokenStore.open(killed)
        store.verify()
        assert set(content_of(killed)) <= set(content_of(whole))
    assert start_writing(killed, log).wait() == 0
    assert num_kills >= 2
    assert content_of(killed) == content_of(whole)
    assert TokenStore.open(killed).failures() == TokenStore.open(whole).failures()
    assert (killed / "failures.jsonl").read_bytes() == (whole / "failures.jsonl").read_bytes()
    listed = ["vqaudio.json", "failures.jsonl", *(shard.path for shard in TokenStore.open(killed).manifest.shards)]
    assert files_in(killed) == sorted(listed)
    assert sum(pq.read_metadata(killed / name).num_rows for name in files_in(killed) if name.startswith("data")) == 54
