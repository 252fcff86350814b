"""Decoders: what a crash, a hang and a broken file cost."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.tokenize.readers import Decoded, InlineReader, ProcessReader, default_num_workers

RATE_HZ = 16_000
PATIENCE_S = 300.0  # the machine may be busy
# A worker whose library crashes, hangs or chatters on files of that name.
UNSOUND_WORKER = """
import os, sys, time
import vqaudio.jobs.tokenize.audio_worker as worker
class Unsound(worker.AudioReader):
    def __iter__(self):
        for number, block in enumerate(super().__iter__()):
            yield block
            if number == 1 and "abort" in name: os.abort()
            if number == 1 and "leave" in name: print("out of eggs", file=sys.stderr, flush=True); os._exit(3)
            if number == 1 and "hang" in name: time.sleep(3600)
            if "chatter" in name: print("hello"); sys.stdout.flush(); os.write(1, b"hello")
def decode_file(path, *rest):
    global name
    name = os.path.basename(path)
    return decode(path, *rest)
decode, worker.decode_file, worker.AudioReader = worker.decode_file, decode_file, Unsound
worker.main()
"""


def read(decoder: InlineReader | ProcessReader, path: Path) -> tuple[np.ndarray, Decoded]:
    blocks: list[np.ndarray] = []
    facts = decoder.read(str(path), RATE_HZ, blocks.append)
    return np.concatenate(blocks), facts


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / 'sound 語 "quoted".wav'
    samples = 0.1 * np.random.default_rng(0).standard_normal(48_000)
    soundfile.write(str(path), samples, 48_000, subtype="PCM_16")
    return path


@pytest.fixture
def unsound() -> Iterator[ProcessReader]:
    decoder = ProcessReader(0.1, code=UNSOUND_WORKER, patience_s=PATIENCE_S)
    yield decoder
    decoder.close()


def test_both_decoders_give_the_same_samples_and_facts(sound: Path) -> None:
    decoder = ProcessReader(0.1)
    try:
        for _ in range(2):
            there, there_facts = read(decoder, sound)
            here, here_facts = read(InlineReader(0.1), sound)
            assert np.array_equal(here, there)
            assert here_facts == there_facts
            assert here_facts == Decoded(16_000, 48_000, here_facts.warnings)
    finally:
        decoder.close()


def test_both_decoders_give_blocks_of_the_length_asked_for_and_tell_what_is_odd(sound: Path) -> None:
    soundfile.write(str(sound), np.concatenate([np.zeros(100), np.ones(2_000)]), RATE_HZ, subtype="PCM_16")
    decoder = ProcessReader(0.05, patience_s=7.0)
    try:
        assert decoder.worker.patience_s == 7.0
        for reader in (decoder, InlineReader(0.05)):
            sizes: list[int] = []
            facts = reader.read(str(sound), RATE_HZ, lambda block, sizes=sizes: sizes.append(len(block)))
            assert sizes == [800, 800, 500]
            assert [warning.split(":")[0] for warning in facts.warnings] == ["clipped"]
    finally:
        decoder.close()


def test_memory_that_does_not_suffice_is_a_reason_too(sound: Path) -> None:
    def refuse(block: np.ndarray) -> None:
        raise MemoryError("too long")

    with pytest.raises(VqaudioError, match="cannot be decoded: MemoryError: too long"):
        InlineReader().read(str(sound), RATE_HZ, refuse)


@pytest.mark.parametrize(("num_cpus", "num_workers"), [(None, 2), (1, 2), (8, 2), (12, 3), (64, 16)])
def test_there_are_two_readers_or_one_for_four_cpus(monkeypatch, num_cpus: int | None, num_workers: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: num_cpus)
    assert default_num_workers() == num_workers


def test_both_decoders_read_a_segment_as_the_same_samples_and_the_next_file_whole(sound: Path) -> None:
    decoder, inline = ProcessReader(0.1), InlineReader(0.1)
    try:
        parts: dict[str, list[np.ndarray]] = {"there": [], "here": []}
        facts = [
            reader.read(str(sound), 48_000, parts[name].append, start_s=0.25, end_s=0.75)
            for name, reader in (("there", decoder), ("here", inline))
        ]
        there, here = (np.concatenate(blocks) for blocks in parts.values())
        assert facts[0] == facts[1]
        assert np.array_equal(there, here)
        assert np.array_equal(here, soundfile.read(str(sound), dtype="float32")[0][12_000:36_000])
        assert len(read(decoder, sound)[0]) == 16_000
    finally:
        decoder.close()


@pytest.mark.parametrize("decoder", [InlineReader(), None])
def test_a_broken_file_is_a_reason_and_the_next_one_is_read(
    decoder: InlineReader | None, sound: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.wav").write_text("not audio")
    used = decoder or ProcessReader()
    with pytest.raises(VqaudioError, match=r".{5}"):
        read(used, tmp_path / "text.wav")
    assert len(read(used, sound)[0]) == 16_000
    used.close()


@pytest.mark.parametrize(
    ("name", "reason"), [("abort", r"died \(signal SIGABRT\)"), ("leave", r"died \(exit status 3\).*: out of eggs")]
)
def test_a_worker_that_dies_costs_one_file(unsound: ProcessReader, sound: Path, name: str, reason: str) -> None:
    fatal = sound.with_name(f"{name}.wav")
    fatal.write_bytes(sound.read_bytes())
    assert len(read(unsound, sound)[0]) == 16_000
    for _ in range(2):
        with pytest.raises(VqaudioError, match=reason):
            read(unsound, fatal)
    assert len(read(unsound, sound)[0]) == 16_000


def test_a_worker_that_dies_between_two_files_costs_none(unsound: ProcessReader, sound: Path) -> None:
    read(unsound, sound)
    unsound.abort()
    time.sleep(0.1)
    assert len(read(unsound, sound)[0]) == 16_000


def test_a_worker_that_falls_silent_is_ended(unsound: ProcessReader, sound: Path) -> None:
    stuck = sound.with_name("hang.wav")
    stuck.write_bytes(sound.read_bytes())
    read(unsound, sound)
    unsound.worker.patience_s = 0.2
    with pytest.raises(VqaudioError, match="gave nothing"):
        read(unsound, stuck)
    unsound.worker.patience_s = PATIENCE_S
    assert len(read(unsound, sound)[0]) == 16_000


def test_what_a_library_prints_does_not_get_between_the_samples(unsound: ProcessReader, sound: Path) -> None:
    noisy = sound.with_name("chatter.wav")
    noisy.write_bytes(sound.read_bytes())
    assert np.array_equal(read(unsound, noisy)[0], read(InlineReader(0.1), sound)[0])


def test_abort_frees_a_reader_that_waits(unsound: ProcessReader, sound: Path) -> None:
    stuck = sound.with_name("hang.wav")
    stuck.write_bytes(sound.read_bytes())
    given = []

    def abort_after_the_last_block(block: np.ndarray) -> None:
        given.append(block)
        if len(given) == 2:
            threading.Timer(0.1, unsound.abort).start()

    with pytest.raises(VqaudioError, match=r"died .*SIGKILL"):  # not: gave nothing, as after all its patience
        unsound.read(str(stuck), RATE_HZ, abort_after_the_last_block)
    assert len(read(unsound, sound)[0]) == 16_000


def test_a_reader_that_is_left_in_the_middle_does_not_spoil_the_next_file(sound: Path) -> None:
    decoder = ProcessReader(0.1)
    try:
        with pytest.raises(ZeroDivisionError):
            decoder.read(str(sound), RATE_HZ, lambda block: 1 // 0)  # pyright: ignore[reportArgumentType]
        assert len(read(decoder, sound)[0]) == 16_000
    finally:
        decoder.close()


def test_the_worker_never_imports_torch() -> None:
    probe = "import sys, json, vqaudio.jobs.worker; print(json.dumps([m for m in sys.modules if m == 'torch']))"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == []
