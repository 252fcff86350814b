"""Merging of a run's shards: the store of a run without shards, or a sentence and nothing written."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.tokens import merging
from vqaudio.tokens.manifest import read_manifest
from vqaudio.tokens.merging import merge_stores
from vqaudio.tokens.run_shard import RunShard
from vqaudio.tokens.schema import CodecStamp, TokenRow
from vqaudio.tokens.store import TokenStore
from vqaudio.tokens.writer import Mode, TokenWriter

STAMP = CodecStamp("speech", "ab" * 32, 16_000, 320, 2, 1_024)
IDS = [f"{number:02}.wav" for number in range(23)]
MODES: tuple[Mode, ...] = ("new", "resume", "overwrite")
BROKEN = {"04.wav", "05.wav"}


def row(row_id: str) -> TokenRow:
    number = int(row_id[:2])
    codes = np.random.default_rng(number).integers(0, 1_024, (2, number))
    return TokenRow(row_id, codes, 320 * number, 44_100, number / 50, f"s{number % 3}", f"said {number}")


def fill(folder: Path, ids: list[str], shard: RunShard | None, stamp: CodecStamp = STAMP) -> None:
    with TokenWriter(folder, stamp, rows_per_shard=3, run_shard=shard) as writer:
        for row_id in ids:
            if row_id in BROKEN:
                writer.fail(row_id, "broken", num_bytes=3)
            else:
                writer.append(row(row_id))


def content_of(folder: Path) -> tuple[list[tuple], list[dict], dict, bytes]:
    """Rows in the order of their ids with every field, failures, counts, and the bytes of the failure log."""
    store = TokenStore.open(folder)
    store.verify()
    rows = sorted((row.id, row.codes.dtype.str, *[value for name, value in vars(row).items() if name != "codes"],
                   row.codes.tolist()) for row in store)  # fmt: skip
    return rows, store.failures(), store.manifest.counts(), (folder / "failures.jsonl").read_bytes()


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    fill(tmp_path / "whole", IDS, None)
    return tmp_path / "whole"


@pytest.fixture
def dealt(tmp_path: Path) -> Callable[[int], Path]:
    """A folder with all shards of a run."""

    def deal(count: int) -> Path:
        for index in range(count):
            shard = RunShard.of(IDS, index, count)
            fill(tmp_path / "parts" / shard.name, shard.own(IDS), shard)
        return tmp_path / "parts"

    return deal


@pytest.mark.parametrize("count", [1, 3, 5, 40])
def test_merged_shards_are_the_store_of_a_run_without_shards(whole: Path, dealt, tmp_path: Path, count: int) -> None:
    parts, out = dealt(count), tmp_path / "out"
    manifest, num_shards = merge_stores([parts], out)
    assert num_shards == count
    assert content_of(out) == content_of(whole)
    assert read_manifest(out) == manifest
    assert manifest.run_shard is None
    assert sorted(path.name for path in out.iterdir()) == ["data", "failures.jsonl", "vqaudio.json"]
    shutil.rmtree(parts)
    assert content_of(out) == content_of(whole)


def test_one_shard_is_byte_for_byte_the_store_of_a_run_without_shards(whole: Path, dealt, tmp_path: Path) -> None:
    merge_stores([dealt(1)], tmp_path / "out")
    for path in whole.rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "out" / path.relative_to(whole)).read_bytes()


def test_the_folders_may_be_named_in_any_order(dealt, tmp_path: Path) -> None:
    parts = dealt(3)
    merge_stores([parts], tmp_path / "a")
    merge_stores(sorted(parts.iterdir(), reverse=True), tmp_path / "b")
    assert (tmp_path / "a" / "vqaudio.json").read_bytes() == (tmp_path / "b" / "vqaudio.json").read_bytes()


@pytest.mark.parametrize("is_ours", [True, False])
def test_where_no_links_can_be_made_the_files_are_copied(
    whole: Path, dealt, tmp_path: Path, monkeypatch, is_ours: bool
) -> None:
    def refuse(*_: object) -> None:
        assert is_ours  # the file of somebody else is not linked: the store would not be ours
        raise OSError("another disk")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "access", lambda path, mode: is_ours)
    parts = dealt(3)
    merge_stores([parts], tmp_path / "out")
    assert content_of(tmp_path / "out") == content_of(whole)
    assert all(path.stat().st_nlink == 1 for path in (tmp_path / "out" / "data").iterdir())


def unfinished(parts: Path) -> None:
    """As a run leaves it that was stopped by a signal: closed, without a journal, but with fewer recordings."""
    shard = RunShard.of(IDS, 1, 3)
    shutil.rmtree(parts / shard.name)
    fill(parts / shard.name, shard.own(IDS)[:-2], shard)


def unjournalled(parts: Path) -> None:
    """As a run leaves it that was killed between the journal and the last Parquet file."""
    shard = RunShard.of(IDS, 1, 3)
    shutil.rmtree(parts / shard.name)
    writer = TokenWriter(parts / shard.name, STAMP, rows_per_shard=3, save_every_s=0.0, run_shard=shard)
    for row_id in shard.own(IDS):
        writer.append(row(row_id))
    writer._failures.release()


def second(parts: Path) -> Path:
    return parts / "shard-00001-of-00003"


def edit(parts: Path, **changes: object) -> None:
    path = second(parts) / "vqaudio.json"
    content = json.loads(path.read_text())
    content["run_shard"].update(changes)
    path.write_text(json.dumps(content))


def foreign(parts: Path) -> None:
    shutil.rmtree(second(parts))
    shard = RunShard.of(IDS, 1, 3)
    fill(second(parts), shard.own(IDS), shard, replace(STAMP, weights_sha256="cd" * 32))


def doubled(parts: Path) -> None:
    """The store of shard 2 under the name and number of shard 1."""
    shutil.rmtree(second(parts))
    shutil.copytree(parts / "shard-00002-of-00003", second(parts))
    ids = RunShard.of(IDS, 1, 3).own(IDS)
    extra = len(ids) - read_manifest(second(parts)).num_rows
    edit(parts, index=1)
    (second(parts) / "failures.jsonl").write_text(
        "".join(json.dumps({"id": f"x{n}.wav", "reason": "x"}) + "\n" for n in range(extra))
    )


def damaged(parts: Path) -> None:
    path = second(parts) / "data" / "part-00001.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def unsharded(parts: Path) -> None:
    shutil.rmtree(second(parts))
    fill(second(parts), IDS[1::3], None)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda parts: shutil.rmtree(second(parts)), "shard-00001-of-00003 is missing.*--resume"),
        (lambda parts: (second(parts) / "vqaudio.json").unlink(), "shard-00001-of-00003 has no manifest"),
        (unfinished, "shard-00001-of-00003 has 6 of its 8 recordings.*--resume"),
        (unjournalled, "shard-00001-of-00003 has 6 of its 8 recordings"),
        (lambda parts: (second(parts) / "data" / "journal-00000.rows").write_bytes(b""), "has a journal left"),
        (unsharded, "shard-00001-of-00003 is no shard"),
        (lambda parts: edit(parts, count=4), "shard 0/3 and .* is shard 1/4: they are of two runs"),
        (lambda parts: edit(parts, ids_sha256="0"), "dealt from different recordings"),
        (lambda parts: edit(parts, num_recordings=24), "dealt from different recordings"),
        (lambda parts: edit(parts, index=0), "are both shard 0/3"),
        (foreign, "was written by speech .weights abab.*by speech .weights cdcd"),
        (doubled, "the id '02.wav' stands in .*shard-00001-of-00003 and in .*shard-00002-of-00003"),
        (damaged, "part-00001.parquet has changed"),
        (lambda parts: (second(parts) / "data" / "part-00000.parquet").unlink(), "part-00000.parquet"),
    ],
)
def test_shards_that_make_no_store_are_named_and_nothing_is_written(dealt, tmp_path: Path, spoil, said: str) -> None:
    parts = dealt(3)
    spoil(parts)
    for mode in MODES:
        with pytest.raises(VqaudioError, match=said):
            merge_stores([parts], tmp_path / "out", mode=mode)
    assert not (tmp_path / "out").exists()


def test_an_id_that_failed_in_one_shard_and_has_a_row_in_another_stands_twice(dealt, tmp_path: Path) -> None:
    parts = dealt(3)
    log = second(parts) / "failures.jsonl"
    log.write_text(log.read_text().replace("04.wav", "06.wav"))
    with pytest.raises(VqaudioError, match=r"the id '06\.wav' stands in"):
        merge_stores([parts], tmp_path / "out")


def test_a_failure_that_has_a_row_meanwhile_is_counted_once(dealt, tmp_path: Path) -> None:
    parts, shard = dealt(2), RunShard.of(IDS, 0, 2)
    with TokenWriter(parts / shard.name, STAMP, mode="resume", rows_per_shard=3, run_shard=shard) as writer:
        log = parts / shard.name / "failures.jsonl"
        before = log.read_bytes()
        writer.append(row("04.wav"))
    log.write_bytes(before)  # as a run leaves it that was killed before it tidied up
    manifest, _ = merge_stores([parts], tmp_path / "out")
    assert manifest.num_rows == len(IDS) - 1
    assert [record["id"] for record in TokenStore.open(tmp_path / "out").failures()] == ["05.wav"]


def test_all_missing_shards_are_named(dealt, tmp_path: Path) -> None:
    parts = dealt(5)
    for index in (1, 4):
        shutil.rmtree(parts / f"shard-{index:05d}-of-00005")
    with pytest.raises(VqaudioError, match=r"shard-00001-of-00005 is missing; shard-00004-of-00005 is missing"):
        merge_stores([parts], tmp_path / "out")


def test_a_shard_that_another_process_writes_is_not_merged(dealt, tmp_path: Path) -> None:
    parts = dealt(3)
    hold = f"""
import sys
from vqaudio.tokens.failures import FailureLog
from pathlib import Path
log = FailureLog(Path({str(second(parts))!r}))
print("held", flush=True)
sys.stdin.read()
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", hold], env=environment, text=True, stdin=PIPE, stdout=PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(VqaudioError, match="shard-00001-of-00003 is being written by another run"):
            merge_stores([parts], tmp_path / "out")
        child.communicate("")
    merge_stores([parts], tmp_path / "out")


# Merges and dies as by kill -9 where the file that is placed, or the manifest, would be next.
KILLED = """
import os, sys
from pathlib import Path
import vqaudio.tokens.merging as merging
place, number = merging._place, 0
def placed(*given):
    global number
    if number == int(sys.argv[3]): os._exit(9)
    number += 1
    place(*given)
merging._place = placed
if int(sys.argv[3]) < 0: merging.Manifest.write = lambda *given: os._exit(9)
merging.merge_stores([Path(sys.argv[1])], Path(sys.argv[2]))
"""


@pytest.mark.parametrize("num_placed", [0, 4, -1])
def test_a_merge_that_was_killed_is_no_store_and_ends_as_one_that_was_not(
    whole: Path, dealt, tmp_path: Path, num_placed: int
) -> None:
    parts, out = dealt(3), tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, str(parts), str(out), str(num_placed)]
    assert subprocess.run(command, env=environment, check=False).returncode == 9
    (out / "data" / ".1-2.writing").write_bytes(b"half")
    with pytest.raises(VqaudioError, match="no token store"):
        TokenStore.open(out)
    with pytest.raises(VqaudioError, match=r"--resume.*--overwrite"):
        merge_stores([parts], out)
    for mode in MODES[1:]:
        shutil.copytree(out, tmp_path / mode)
        merge_stores([parts], tmp_path / mode, mode=mode)
        assert content_of(tmp_path / mode) == content_of(whole)
        assert not list((tmp_path / mode).rglob("*.writing"))


def test_resume_of_a_merge_that_is_done_changes_nothing(dealt, tmp_path: Path) -> None:
    parts, out = dealt(3), tmp_path / "out"
    merge_stores([parts], out)
    before = {path: (path.read_bytes(), path.stat().st_ino) for path in out.glob("data/*")}
    merge_stores([parts], out, mode="resume")
    assert {path: (path.read_bytes(), path.stat().st_ino) for path in out.glob("data/*")} == before


@pytest.mark.parametrize("is_listed", [True, False])
def test_another_store_is_replaced_only_if_asked(whole: Path, dealt, tmp_path: Path, is_listed: bool) -> None:
    parts, out = dealt(3), tmp_path / "other"
    fill(out, IDS[:7], None)
    if not is_listed:
        (out / "vqaudio.json").unlink()
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    for mode, said in zip(MODES, ("--overwrite replaces", "holds another store"), strict=False):
        with pytest.raises(VqaudioError, match=said):
            merge_stores([parts], out, mode=mode)
        assert {path: path.read_bytes() for path in out.rglob("*.*")} == before
    merge_stores([parts], out, mode="overwrite")
    assert content_of(out) == content_of(whole)


def test_a_shard_is_not_overwritten_by_the_merged_store(dealt) -> None:
    parts = dealt(3)
    with pytest.raises(VqaudioError, match="is one of the shards"):
        merge_stores([parts], second(parts), mode="overwrite")
    assert read_manifest(second(parts)).num_rows > 0


def test_the_folder_that_holds_the_shards_may_hold_the_merged_store_and_says_before_how_it_is_made(
    whole: Path, dealt
) -> None:
    parts = dealt(3)
    with pytest.raises(VqaudioError, match="vqaudio merge"):
        TokenStore.open(parts)
    merge_stores([parts], parts)
    assert content_of(parts) == content_of(whole)
    merge_stores([parts], parts, mode="overwrite")
    assert content_of(parts) == content_of(whole)


def test_a_folder_without_shards_is_answered_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(VqaudioError, match="holds neither shard"):
        merge_stores([tmp_path], tmp_path / "out")


def an_empty_store_of_another_codec(out: Path) -> None:
    fill(out, [], None, replace(STAMP, weights_sha256="cd" * 32))


def a_failure_of_another_run(out: Path) -> None:
    out.mkdir()
    (out / "failures.jsonl").write_text('{"id": "other.wav", "reason": "x"}\n')


def a_journal_of_another_run(out: Path) -> None:
    (out / "data").mkdir(parents=True)
    (out / "data" / "journal-00000.rows").write_bytes(b"rows")


@pytest.mark.parametrize(
    "lay", [an_empty_store_of_another_codec, a_failure_of_another_run, a_journal_of_another_run]
)  # fmt: skip
def test_what_another_run_left_is_not_gone_on_with(whole: Path, dealt, tmp_path: Path, lay) -> None:
    out = tmp_path / "other"
    lay(out)
    before = {path: path.read_bytes() for path in out.rglob("*.*")}
    with pytest.raises(VqaudioError, match="holds another store"):
        merge_stores([dealt(3)], out, mode="resume")
    assert {path: path.read_bytes() for path in before} == before
    assert not list(out.glob("data/*.parquet"))
    merge_stores([tmp_path / "parts"], out, mode="overwrite")
    assert content_of(out) == content_of(whole)
    assert not list(out.glob("data/*.rows"))


def test_bytes_that_change_on_their_way_make_no_store(whole: Path, dealt, tmp_path: Path, monkeypatch) -> None:
    parts, out, link = dealt(3), tmp_path / "out", merging._link_or_copy

    def garble(source: Path, target: Path) -> None:
        if "shard-00001" in str(source):
            target.write_bytes(source.read_bytes()[::-1])
        else:
            link(source, target)

    monkeypatch.setattr(merging, "_link_or_copy", garble)
    with pytest.raises(VqaudioError, match=r"changed while it was merged.*--resume"):
        merge_stores([parts], out)
    with pytest.raises(VqaudioError, match="no token store"):
        TokenStore.open(out)
    monkeypatch.undo()
    merge_stores([parts], out, mode="resume")
    assert content_of(out) == content_of(whole)
