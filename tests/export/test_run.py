"""Exports that are killed, repeated, or written where something stands."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from vqaudio.core.errors import VqaudioError
from vqaudio.export import growing, run
from vqaudio.export.check import check_export
from vqaudio.export.documents import DocumentCoder
from vqaudio.export.formats import megatron
from vqaudio.export.formats.table import FORMATS
from vqaudio.export.options import ExportOptions
from vqaudio.export.run import export_store
from vqaudio.tokens.store import TokenStore

KINDS = [(name, style) for name, format_ in FORMATS.items() for style in format_.styles]


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def options_for(name: str, style: str) -> ExportOptions:
    """With everything that an interruption must keep: merges, speakers, a rest that waits to be joined."""
    kept = {"bpe_merges": 5, "prefix": ("speaker",), "context_tokens": 37, "is_deduplicated": True}
    return ExportOptions(name, style, validation=0.4, **kept)


@pytest.fixture
def checkpoint_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHECKPOINT_TOKENS", 1)
    monkeypatch.setattr(growing, "BUFFER_BYTES", 1)  # so that more is written than the checkpoint counts


@pytest.mark.usefixtures("checkpoint_always")
@pytest.mark.parametrize(("name", "style"), KINDS)
def test_an_interrupted_export_goes_on_to_the_same_bytes(name, style, store, tmp_path, monkeypatch):
    options, encode, seen = options_for(name, style), DocumentCoder.encode, []
    export_store(store, tmp_path / "whole", options)

    def interrupted(self: DocumentCoder, row):
        if len(seen) == 23:
            raise KeyboardInterrupt
        seen.append(row.id)
        return encode(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(DocumentCoder, "encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_store(store, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()
    again = []
    monkeypatch.setattr(DocumentCoder, "encode", lambda self, row: again.append(row.id) or encode(self, row))
    export_store(store, tmp_path / "out", options)
    assert again == [row.id for row in store][18:]  # two of the three shards were safe
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


KILLED = """
import os, signal, sys
from vqaudio.export import growing, run
from vqaudio.export.options import ExportOptions
from vqaudio.tokens.store import TokenStore
run.CHECKPOINT_TOKENS = 1
done = 0
def count(num_rows, num_samples):
    global done
    done += num_rows
    if done >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
run.export_store(TokenStore.open(sys.argv[1]), sys.argv[2], ExportOptions("megatron"), on_progress=count)
"""


@pytest.mark.usefixtures("checkpoint_always")
def test_a_killed_export_leaves_nothing_under_its_name_and_goes_on(store: TokenStore, tmp_path, project_root):
    call = [sys.executable, "-c", KILLED, str(store.folder), str(tmp_path / "out"), "14"]
    killed = subprocess.run(call, env={**os.environ, "PYTHONPATH": str(project_root)}, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    export_store(store, tmp_path / "out", ExportOptions("megatron"))
    export_store(store, tmp_path / "whole", ExportOptions("megatron"))
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


@pytest.mark.usefixtures("checkpoint_always")
def test_an_interrupted_export_with_other_options_starts_anew(store, tmp_path, monkeypatch):
    def interrupted(num_rows: int, num_samples: int) -> None:
        if (tmp_path / ".out.writing" / run.PROGRESS).exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_store(store, tmp_path / "out", ExportOptions("nanogpt"), on_progress=interrupted)
    export_store(store, tmp_path / "out", ExportOptions("nanogpt", has_eos=True))
    assert check_export(tmp_path / "out", store).num_documents == len(store)


def test_an_export_is_replaced_only_when_asked_and_nothing_else_ever(store, tmp_path):
    out = tmp_path / "out"
    export_store(store, out, ExportOptions("nanogpt"))
    with pytest.raises(VqaudioError, match="--overwrite"):
        export_store(store, out, ExportOptions("jsonl", "lists"))
    export_store(store, out, ExportOptions("jsonl", "lists"), is_overwriting=True)
    assert not (out / "train.bin").exists()
    assert check_export(out, store).num_documents == len(store)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("all")
    with pytest.raises(VqaudioError, match="is no export"):
        export_store(store, tmp_path / "precious", ExportOptions("nanogpt"), is_overwriting=True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_folder_one_stands_in_can_be_exported_into_if_it_is_empty(store, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_store(store, ".", ExportOptions("nanogpt"))
    assert check_export(tmp_path / "here", store).num_documents == len(store)


def test_two_exports_into_one_folder_do_not_meet(store, tmp_path):
    def second(num_rows: int, num_samples: int) -> None:
        with pytest.raises(VqaudioError, match="another export"):
            export_store(store, tmp_path / "out", ExportOptions("nanogpt"))

    export_store(store, tmp_path / "out", ExportOptions("nanogpt"), on_progress=second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ExportOptions("parquet"), "one of hf, nanogpt"),
        (ExportOptions("text", "latin"), "gslm, fairseq, kaldi"),
        (ExportOptions("nanogpt", num_codebooks=4), "holds 3 codebooks"),
    ],
)
def test_what_cannot_be_exported_is_refused_before_anything_is_written(options, message, store, tmp_path):
    with pytest.raises(VqaudioError, match=message):
        export_store(store, tmp_path / "out", options)
    assert list(tmp_path.iterdir()) == []


def test_a_vocabulary_that_does_not_fit_uint16_is_refused(make_store, make_rows, tmp_path):
    from vqaudio.tokens.schema import CodecStamp

    store = make_store(make_rows(2), CodecStamp("large", "0" * 64, 16_000, 320, 3, 30_000))
    with pytest.raises(VqaudioError, match="room for 65536"):
        export_store(store, tmp_path / "out", ExportOptions("nanogpt"))
    export_store(store, tmp_path / "out", ExportOptions("nanogpt", num_codebooks=2))
    for size, is_refused in ((65_530, False), (65_531, True)):  # with six specials, to the next multiple of 64
        store, out = make_store(make_rows(2), CodecStamp("large", "0" * 64, 16_000, 320, 3, size)), tmp_path / str(size)
        if is_refused:
            with pytest.raises(VqaudioError, match="room for 65536"):
                export_store(store, out, ExportOptions("nanogpt", num_codebooks=1))
        else:
            export_store(store, out, ExportOptions("nanogpt", num_codebooks=1))


def test_progress_tells_every_row_and_sample_once_where_it_goes_on_too(store, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "CHECKPOINT_TOKENS", 1)
    stop_after(14, store, tmp_path / "out", ExportOptions("nanogpt"), monkeypatch)
    seen = []
    options = ExportOptions("nanogpt")
    export_store(store, tmp_path / "out", options, on_progress=lambda *done: seen.append(done), is_resuming=True)
    assert tuple(map(sum, zip(*seen, strict=True))) == (25, sum(row.num_samples for row in store))
    assert not (tmp_path / "out" / run.PROGRESS).exists()


def test_what_a_killed_run_left_of_an_older_export_goes(store, tmp_path):
    (tmp_path / ".out.old").mkdir()
    (tmp_path / ".out.old" / "train.bin").write_bytes(b"old")
    export_store(store, tmp_path / "out", ExportOptions("nanogpt"))
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_memory_does_not_grow_with_the_store(make_store, make_rows, tmp_path, monkeypatch):
    """What waits in memory between two rows is bounded, for every format, however many rows there are."""
    monkeypatch.setattr(growing, "GROUP_WEIGHT", 500)
    store, waiting = make_store(make_rows(400), rows_per_shard=400), []
    flush = growing.GrowingTable._flush
    monkeypatch.setattr(
        growing.GrowingTable, "_flush", lambda self: waiting.append(self._weight) or flush(self), raising=True
    )
    export_store(store, tmp_path / "out", ExportOptions("hf", is_deduplicated=True))
    assert len(waiting) > 20
    assert max(waiting) < 700


@pytest.mark.usefixtures("checkpoint_always")
@pytest.mark.parametrize("num_rows", [0, 3, 14])  # before the first checkpoint, and after some
def test_a_killed_export_goes_on_only_with_its_own_options(store, tmp_path, monkeypatch, num_rows):
    stop_after(num_rows, store, tmp_path / "out", ExportOptions("nanogpt"), monkeypatch)
    before = bytes_in(tmp_path / ".out.writing")
    with pytest.raises(VqaudioError, match=r"other options.*without --resume"):
        export_store(store, tmp_path / "out", ExportOptions("nanogpt", has_eos=True), is_resuming=True)
    assert bytes_in(tmp_path / ".out.writing") == before
    (tmp_path / ".out.writing" / ".12-34.writing").write_bytes(b"half a file")
    export_store(store, tmp_path / "out", ExportOptions("nanogpt"), is_resuming=True)
    export_store(store, tmp_path / "whole", ExportOptions("nanogpt"))
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


@pytest.mark.usefixtures("checkpoint_always")
@pytest.mark.parametrize(("name", "style"), KINDS)
def test_resuming_at_any_place_gives_the_same_bytes(name, style, store, tmp_path, monkeypatch):
    options = options_for(name, style)
    export_store(store, tmp_path / "whole", options)
    for num_rows in (1, 9, 10):
        stop_after(num_rows, store, tmp_path / "out", options, monkeypatch)
    export_store(store, tmp_path / "out", options, is_resuming=True)
    assert bytes_in(tmp_path / "out") == bytes_in(tmp_path / "whole")


def stop_after(num_rows: int, store: TokenStore, out: Path, options: ExportOptions, monkeypatch) -> None:
    encode, num_seen = DocumentCoder.encode, 0

    def interrupted(self: DocumentCoder, row):
        nonlocal num_seen
        if num_seen == num_rows:
            raise KeyboardInterrupt
        num_seen += 1
        return encode(self, row)

    with monkeypatch.context() as patch:
        patch.setattr(DocumentCoder, "encode", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_store(store, out, options, is_resuming=True)


def test_a_finished_export_is_resumed_by_doing_nothing_and_refused_with_other_options(store, tmp_path):
    record = export_store(store, tmp_path / "out", ExportOptions("nanogpt"))
    before = {path: path.stat().st_ino for path in (tmp_path / "out").iterdir()}
    assert export_store(store, tmp_path / "out", ExportOptions("nanogpt"), is_resuming=True) == record
    assert {path: path.stat().st_ino for path in (tmp_path / "out").iterdir()} == before
    with pytest.raises(VqaudioError, match="--overwrite"):
        export_store(store, tmp_path / "out", ExportOptions("nanogpt", has_eos=True), is_resuming=True)


def test_a_text_tokenizer_that_has_changed_is_another_export(store, text_tokenizer, tmp_path):
    """Its folder is the same: what stands in it counts, for the ids of all tokens depend on it."""
    options, tokenizer, out = ExportOptions("hf", prefix=("text",)), tmp_path / "tokenizer", tmp_path / "out"
    shutil.copytree(text_tokenizer, tokenizer)
    export_store(store, out, options, extend=tokenizer)
    export_store(store, out, options, extend=tokenizer, is_resuming=True)
    file = tokenizer / "tokenizer.json"
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    with pytest.raises(VqaudioError, match="another store or with other options"):
        export_store(store, out, options, extend=tokenizer, is_resuming=True)


@pytest.mark.parametrize("block", [1, 7])
def test_an_index_of_megatron_does_not_depend_on_how_many_lengths_are_held_at_once(block, store, tmp_path, monkeypatch):
    export_store(store, tmp_path / "at once", ExportOptions("megatron"))
    monkeypatch.setattr(megatron, "BLOCK", block)
    export_store(store, tmp_path / "in blocks", ExportOptions("megatron"))
    assert bytes_in(tmp_path / "in blocks") == bytes_in(tmp_path / "at once")
