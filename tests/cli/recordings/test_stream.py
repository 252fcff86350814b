import os
import select
import signal
import subprocess
import sys
from subprocess import PIPE

import numpy as np
import pytest
import torch

from vqaudio.audio.samples import from_int16
from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.tokens.wire.reading import CodesReader

HOP = 320
AHEAD = 2 + 4  # frames: the lookahead of the tiny codec's decoder, and those that its head holds back
PATIENCE_S = 300
# The verb in a process that hears Ctrl-C: one that a shell puts into the background ignores it, which a verb respects.
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from vqaudio.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def samples():
    return (np.random.default_rng(0).standard_normal(9_999) * 3_000).astype("<i2")


@pytest.fixture
def codec(tiny_codec):
    return open_codec(tiny_codec)


@pytest.fixture
def stream(tiny_codec, tmp_path, monkeypatch, capfdbinary):
    """Runs the verb on bytes; returns the exit status, what it wrote and what it said."""

    def call(direction, content, *flags):
        (tmp_path / "input").write_bytes(content)
        with open(tmp_path / "input") as file:
            monkeypatch.setattr(sys, "stdin", file)
            codec = () if "--codec" in flags else ("--codec", str(tiny_codec))
            status = main(["stream", direction, *codec, *flags])
        captured = capfdbinary.readouterr()
        return status, captured.out, captured.err.decode()

    return call


def read(content):
    reader = CodesReader("stream")
    codes = np.concatenate(list(reader.feed(content)), axis=1)
    return codes, reader.finish()


@pytest.fixture
def started(tiny_codec, project_root):
    """Starts the verb as a process of its own; returns it and its three pipes."""

    def start(direction):
        command = [sys.executable, "-c", START, "stream", direction, "--codec", str(tiny_codec)]
        environment = {**os.environ, "PYTHONUNBUFFERED": ""}  # the verb itself sends at once
        process = subprocess.Popen(
            command, cwd=project_root, env=environment, bufsize=0, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        return process, process.stdin, process.stdout, process.stderr

    return start


def receive(file, is_enough):
    """Read from a pipe whose writer goes on living, until there is enough."""
    content = b""
    while not is_enough(content):
        assert select.select([file], [], [], PATIENCE_S)[0], "nothing came while the input was open"
        piece = os.read(file.fileno(), 65_536)
        assert piece, "the stream ended before its time"
        content += piece
    return content


def num_frames(content):
    return sum(codes.shape[1] for codes in CodesReader("stream").feed(content))


@pytest.mark.parametrize("flags", [(), ("--block-frames", "4"), ("--codebooks", "2")])
def test_codes_are_those_of_encode_and_sound_has_the_same_length(stream, codec, samples, flags):
    status, content, _ = stream("encode", samples.tobytes(), *flags)
    codes, num_samples = read(content)
    whole = codec.encode(torch.from_numpy(from_int16(samples))[None, None])[0].numpy()
    assert (status, num_samples) == (0, len(samples))
    assert np.array_equal(codes, whole[:2] if "--codebooks" in flags else whole)
    status, sound, said = stream("decode", content, *flags)
    assert (status, len(sound), said) == (0, samples.nbytes, "")
    assert np.frombuffer(sound, "<i2").any()


def test_in_a_pipe_codes_and_sound_are_there_while_the_input_goes_on(started, codec, samples):
    encoder, spoken, coded, complaints = started("encode")
    decoder, received, heard, other_complaints = started("decode")
    with encoder, decoder:
        spoken.write(samples[: 10 * HOP].tobytes())
        content = receive(coded, lambda content: num_frames(content) == 10)
        received.write(content)
        sound = receive(heard, lambda sound: len(sound) == (10 - AHEAD) * HOP * 2)
        spoken.write(samples[10 * HOP :].tobytes())
        spoken.close()
        rest = coded.read()
        received.write(rest)
        received.close()
        sound += heard.read()
        said = [complaints.read(), other_complaints.read()]
    assert (encoder.returncode, decoder.returncode, said) == (0, 0, [b"", b""])
    codes, _ = read(content + rest)
    assert np.array_equal(codes, codec.encode(torch.from_numpy(from_int16(samples))[None, None])[0].numpy())
    assert len(sound) == samples.nbytes


def test_ctrl_c_ends_the_stream_whole(started, samples):
    encoder, spoken, coded, complaints = started("encode")
    with encoder:
        spoken.write(samples[: 5 * HOP + 9].tobytes())
        content = receive(coded, lambda content: num_frames(content) == 5)
        encoder.send_signal(signal.SIGINT)
        content += coded.read()
        said = complaints.read()
    assert (encoder.returncode, said) == (130, b"stopped; what came before is there\n")
    codes, num_samples = read(content)
    assert (codes.shape[1], num_samples) == (6, 5 * HOP + 9)


def test_a_reader_that_goes_away_ends_the_stream_without_a_word(started, samples):
    encoder, spoken, coded, complaints = started("encode")
    with encoder:
        receive(coded, len)
        coded.close()
        spoken.write(samples.tobytes())
        said = complaints.read()
    assert (encoder.returncode, said) == (141, b"")


def test_a_stream_without_samples_has_an_end(stream):
    status, content, _ = stream("encode", b"")
    assert (status, read(content)[1]) == (0, 0)
    assert stream("decode", content) == (0, b"", "")


def test_half_a_sample_at_the_end_is_said_and_costs_nothing_before_it(stream, samples):
    status, content, said = stream("encode", samples.tobytes() + b"\1")
    assert (status, read(content)[1]) == (1, len(samples))
    assert f"in the middle of a sample: of {samples.nbytes + 1} bytes the last was left out" in said


def test_a_truncated_or_damaged_stream_gives_the_sound_of_what_came(stream, samples):
    content = stream("encode", samples.tobytes())[1] + stream("encode", b"")[1]
    status, sound, said = stream("decode", content)
    assert (status, len(sound)) == (1, samples.nbytes)
    assert "standard input: more bytes stand behind the end of the codes" in said
    content = stream("encode", samples.tobytes(), "--block-frames", "4")[1]
    start = content.index(b"\n") + 1
    first = stream("encode", samples[: 4 * HOP].tobytes())[1]
    cut = first[:-16]
    status, sound, said = stream("decode", cut)
    assert (status, len(sound)) == (1, 4 * HOP * 2)
    assert "standard input: truncated after 4 frames (0.08 s) without its end mark" in said
    damaged = first[:-16] + content[start:]
    status, sound, said = stream("decode", damaged)
    assert (status, len(sound)) == (1, 4 * HOP * 2)
    assert "standard input: damaged after 4 frames" in said


def test_codes_of_another_codec_are_refused(stream, samples):
    content = stream("encode", samples.tobytes())[1]
    status, sound, said = stream("decode", content, "--codec", "units-16k")
    assert (status, sound) == (1, b"")
    assert "vqaudio: these codes were made by tiny" in said
    assert "not by units-16k" in said


@pytest.mark.parametrize(
    ("direction", "content", "flags", "sentence"),
    [
        ("decode", b"RIFF", (), "standard input: these are no codes of vqaudio"),
        ("decode", b"", (), "standard input: it is empty; wanted what `vqaudio encode`"),
        (
            "encode",
            b"",
            ("--codec", "hf:any"),
            "hf:any is a model of transformers, which encodes whole recordings only",
        ),
        ("encode", b"", ("--block-frames", "0"), "block_frames must be 1 or more, got 0"),
        ("encode", b"", ("--codebooks", "4"), "num_codebooks is 4"),
        ("encode", b"", ("--speaker", "a"), "--speaker is for `stream decode`"),
    ],
)
def test_what_cannot_be_streamed_is_answered_in_a_sentence(stream, direction, content, flags, sentence):
    status, sound, said = stream(direction, content, *flags)
    assert (status, sound) == (1, b"")
    assert sentence in said


def test_more_codebooks_than_the_stream_has_are_refused(stream, samples):
    content = stream("encode", samples.tobytes(), "--codebooks", "2")[1]
    status, _, said = stream("decode", content, "--codebooks", "3")
    assert (status, said) == (1, "vqaudio: the stream has 2 codebooks, got --codebooks 3\n")


def test_a_terminal_is_no_place_for_bytes(monkeypatch, capfd):
    master, slave = os.openpty()
    with open(slave) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        assert main(["stream", "decode"]) == 1
    os.close(master)
    assert "standard input is a terminal; it reads codes there; connect a pipe" in capfd.readouterr().err
