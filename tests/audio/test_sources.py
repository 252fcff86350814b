"""Sound as bytes and open files: the samples, headers and complaints of the same file under its path."""

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.audio.files import AudioReader, audio_info, read_audio, read_blocks, write_audio
from vqaudio.audio.samples import from_int16
from vqaudio.core.errors import VqaudioError

FORMATS = ["wav", "flac", "ogg", "mp3"]


@pytest.fixture(scope="module", params=FORMATS)
def recording(request, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("audio") / f"a.{request.param}"
    steps = np.random.default_rng(0).standard_normal((30_001, 2))
    soundfile.write(path, 0.1 * np.cumsum(steps - steps.mean(axis=0), axis=0) / 50, 44_100)
    return path


class Pipe(io.RawIOBase):
    """A file that cannot seek and gives a little at a time."""

    def __init__(self, content: bytes) -> None:
        self._left = io.BytesIO(content)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._left.read(min(size, 777))


def test_samples_and_header_are_those_of_the_path(recording):
    content, whole, info = recording.read_bytes(), read_audio(recording), audio_info(recording)
    assert len(whole) == round(30_001 * 16_000 / 44_100) or recording.suffix == ".mp3"
    for given in (content, bytearray(content), memoryview(content), io.BytesIO(content), Pipe(content)):
        assert np.array_equal(read_audio(given), whole)
    with open(recording, "rb") as file:
        assert audio_info(file) == info
        assert file.tell() == 0
        assert np.array_equal(read_audio(file, start_s=0.2, end_s=0.5), read_audio(recording, start_s=0.2, end_s=0.5))
    for given in (content, io.BytesIO(content), Pipe(content)):
        assert audio_info(given) == info
    assert np.array_equal(np.concatenate(list(read_blocks(content, block_s=0.1))), whole)


def test_an_open_file_is_read_from_where_it_stands(recording):
    file = io.BytesIO(b"\0" * 99 + recording.read_bytes())
    file.seek(99)
    assert audio_info(file) == audio_info(recording)
    assert file.tell() == 99
    assert np.array_equal(read_audio(file), read_audio(recording))


def test_a_pipe_of_the_system_is_read_to_its_end(recording):
    receiving, sending = os.pipe()

    def send():
        with open(sending, "wb") as file:
            file.write(recording.read_bytes())

    thread = threading.Thread(target=send)
    thread.start()
    with open(receiving, "rb") as file:
        assert np.array_equal(read_audio(file), read_audio(recording))
    thread.join()


def test_what_is_wrong_with_a_file_is_said_of_its_bytes_too(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(9_000), 16_000, subtype="PCM_16")
    path.write_bytes(path.read_bytes()[:-5_000])
    readers = AudioReader(path), AudioReader(path.read_bytes()), AudioReader(io.BytesIO(path.read_bytes()))
    assert len({tuple(map(len, reader)) for reader in readers}) == 1
    assert readers[0].warnings
    assert readers[1].warnings == readers[2].warnings == readers[0].warnings


def named(content: bytes, name: str) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (b"", "<bytes>: empty, 0 bytes"),
        (b"no sound at all", "<bytes>: not audio, or damaged at its start: libsndfile says: Format not recognised"),
        (io.BytesIO(b"no sound"), "<BytesIO>: not audio"),
        (named(b"no sound", "talk.wav"), "talk.wav: not audio"),
        (named(b"1234", "talk.raw"), "talk.raw: raw samples without a header; convert it first: ffmpeg -i ./talk.raw"),
        (io.StringIO("RIFF"), "<StringIO>: opened as text; open it with mode 'rb'"),
        (7, "<int>: wanted a path, bytes or a file that is open for reading"),
        (None, "<NoneType>: wanted a path"),
    ],
)
def test_what_cannot_be_read_is_named(source, sentence, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")  # without ffmpeg
    with pytest.raises(VqaudioError) as refused:
        read_audio(source)
    assert str(refused.value).startswith(sentence)


def test_a_closed_file_is_refused_by_its_name(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with open(tmp_path / "a.wav", "rb") as file:
        pass
    for call in (read_audio, audio_info):
        with pytest.raises(VqaudioError, match=r"a.wav: cannot be read into .*closed file"):
            call(file)
    with pytest.raises(VqaudioError, match="<bytes>: wanted 0 <= start_s < end_s"):
        read_audio(b"", start_s=2, end_s=1)


@pytest.mark.parametrize("name", ["<bytes>", "talk.m4a"])
def test_what_only_ffmpeg_reads_is_read_from_bytes(name, tmp_path, monkeypatch):
    """By a program in its place that gives one second of a ramp, at 16 kHz, whatever it is asked for."""
    ramp = np.linspace(-0.5, 0.5, 16_000, dtype=">f4")
    header = b".snd" + b"".join(value.to_bytes(4, "big") for value in (24, 0xFFFFFFFF, 6, 16_000, 1))
    (tmp_path / "ramp.au").write_bytes(header + ramp.tobytes())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ffmpeg").write_text(f"#!/bin/sh\ncat {tmp_path}/ramp.au\n")
    (tmp_path / "bin" / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    content = b"\0\0\0\x20ftypM4A "
    assert np.array_equal(read_audio(content if name == "<bytes>" else named(content, name)), ramp.astype(np.float32))


def test_no_copy_is_left_behind(recording, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    read_audio(recording.read_bytes())
    with pytest.raises(VqaudioError):
        read_audio(b"no sound")
    write_audio(io.BytesIO(), np.zeros(9), 16_000)
    assert list(tmp_path.iterdir()) == []


class Sink(io.RawIOBase):
    """A file that takes bytes and cannot seek."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, piece) -> int:
        self.content += bytes(piece)
        return len(piece)


def test_an_open_file_gets_the_bytes_of_a_file(tmp_path):
    samples = np.random.default_rng(0).uniform(-1, 1, 5_000).astype(np.float32)
    write_audio(tmp_path / "a.wav", samples, 16_000)
    memory, sink = io.BytesIO(), Sink()
    write_audio(memory, samples, 16_000)
    write_audio(sink, samples, 16_000)
    assert memory.getvalue() == sink.content == (tmp_path / "a.wav").read_bytes()
    memory.seek(0)
    assert np.array_equal(read_audio(memory), read_audio(tmp_path / "a.wav"))


@pytest.mark.parametrize(
    ("file", "samples", "sentence"),
    [
        (io.StringIO(), np.zeros(9), "<StringIO>: wanted a path, or a file that is open for writing"),
        (7, np.zeros(9), "<int>: wanted a path, or a file that is open for writing"),
        (io.BytesIO(), np.zeros((2, 9)), "<BytesIO>: wanted mono samples"),
        (
            io.BytesIO(),
            np.zeros(9, np.int32),
            r"<BytesIO>: wanted samples that are floats in \[-1, 1\] or int16, got int32",
        ),
        (io.BytesIO(), np.zeros(9, bool), "got bool"),
        (io.BytesIO(), torch.zeros(9, dtype=torch.uint8), "got uint8"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(file, samples, sentence):
    with pytest.raises(VqaudioError, match=sentence):
        write_audio(file, samples, 16_000)


@pytest.mark.parametrize("convert", [np.asarray, torch.from_numpy, lambda values: values[None]])
def test_16_bit_samples_are_written_as_they_are_and_never_as_noise(convert):
    integers = np.random.default_rng(0).integers(-32_768, 32_768, 999).astype(np.int16)
    memory = io.BytesIO()
    write_audio(memory, convert(integers), 16_000)
    assert np.array_equal(read_audio(memory.getvalue()), from_int16(integers))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_samples_of_any_float_type_are_written(dtype):
    memory = io.BytesIO()
    write_audio(memory, torch.full((9,), 0.5, dtype=dtype), 16_000)
    assert np.array_equal(read_audio(memory.getvalue()), np.full(9, 0.5, np.float32))
