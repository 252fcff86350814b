"""`vqaudio encode` and `vqaudio decode` of one file, and what `vqaudio info` says of it."""

import json
import sys

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.cli.main import main
from vqaudio.codec.saving import open_codec
from vqaudio.tokens.wire.file import read_codes


@pytest.fixture
def encode(tiny_codec, tmp_path):
    """Runs the verb on a recording; returns the exit status and the file that it writes."""

    def call(audio, *flags):
        out = tmp_path / "out.codes"
        return main(["encode", str(audio), str(out), "--codec", str(tiny_codec), *flags]), out

    return call


@pytest.fixture
def decode(tiny_codec, tmp_path):
    def call(codes, *flags):
        out = tmp_path / "out.wav"
        return main(["decode", str(codes), str(out), "--codec", str(tiny_codec), *flags]), out

    return call


@pytest.fixture
def recording(recordings):
    return recordings / "speaker1" / "07.flac"  # two channels at 44.1 kHz


def test_codes_are_those_of_tokenize_and_sound_comes_back_at_its_length(
    encode, decode, tokenize, recordings, tiny_codec
):
    codec, rows = open_codec(tiny_codec), tokenize(recordings)[1]
    for name, codes in rows.items():
        status, out = encode(recordings / name, "--overwrite", "--quiet")
        content = read_codes(out)
        assert (status, content.codes.tolist()) == (0, codes)
        status, wav = decode(out, "--overwrite", "--quiet")
        sound = codec.decode(content.codes, content.num_samples)[0, 0].numpy()
        samples = soundfile.read(wav, dtype="float32")[0]
        assert (status, len(samples)) == (0, content.num_samples)
        np.testing.assert_allclose(samples, np.clip(sound, -1, 1), atol=2e-5)
    assert len(rows) == 10


def test_a_segment_and_the_first_codebooks_can_be_taken_alone(encode, decode, recordings, tiny_codec):
    path = recordings / "speaker1" / "05.flac"
    status, out = encode(path, "--codebooks", "2", "--start", "0.05", "--end", "0.15")
    content = read_codes(out)
    samples = soundfile.read(path, dtype="float32")[0][800:2_400]
    whole = open_codec(tiny_codec).encode(torch.from_numpy(samples)[None, None])[0]
    assert (status, content.num_samples) == (0, 1_600)
    assert content.codes.tolist() == whole[:2].tolist()
    status, one = decode(out, "--codebooks", "1")
    assert (status, len(soundfile.read(one)[0])) == (0, 1_600)


def test_the_file_is_what_a_stream_is(encode, recording, tmp_path, tiny_codec, monkeypatch, capfdbinary):
    _, out = encode(recording, "--quiet")
    with open(out) as file:
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["stream", "decode", "--codec", str(tiny_codec)]) == 0
    assert len(capfdbinary.readouterr().out) == 2 * read_codes(out).num_samples


def test_info_says_which_codec_made_a_file_and_how_long_it_is(encode, recording, tiny_codec, capsys):
    _, out = encode(recording)
    assert "out.codes: 0.16 s, 8 frames of 3 codes" in capsys.readouterr().out
    for flags in ((), ("--verify",), ("--usage",)):
        assert main(["info", str(out), "--json", *flags]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["codec"]["weights_sha256"] == open_codec(tiny_codec).weights_sha256
        assert (facts["kind"], facts["frames"], facts["samples"]) == ("codes of one recording", 8, 2_540)
        assert facts["bytes"] == out.stat().st_size
    assert facts["usage"]["frames"] == 8
    out.write_bytes(out.read_bytes()[:-3])
    assert main(["info", str(out)]) == 1
    assert "truncated after 8 frames" in capsys.readouterr().err


def test_nothing_is_replaced_unasked_and_never_the_source(encode, decode, recording, tmp_path, capsys):
    _, out = encode(recording)
    before = out.read_bytes()
    assert encode(recording)[0] == 1
    assert decode(out)[0] == 0
    assert decode(out)[0] == 1
    assert decode(out, "--overwrite")[0] == 0
    assert capsys.readouterr().err.count("is there already; choose another name, or --overwrite") == 2
    linked = tmp_path / "linked.codes"
    linked.symlink_to(out)
    assert main(["encode", str(linked), str(out), "--overwrite"]) == 1
    assert "(never the source)" in capsys.readouterr().err
    assert out.read_bytes() == before


def test_a_killed_run_leaves_no_half_file(encode, recording, tmp_path, monkeypatch):
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert encode(recording)[0] == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["encode", "AUDIO", "out.bin"], "out.bin: give it a name that ends in .codes"),
        (["encode", "gone.wav", "out.codes"], "gone.wav: cannot be opened: No such file"),
        (["encode", "AUDIO", "out.codes", "--codebooks", "9"], "has 8 codebooks, got --codebooks 9"),
        (["encode", "AUDIO", "out.codes", "--start", "2", "--end", "1"], "wanted 0 <= start_s < end_s"),
        (["decode", "CODES"], "holds the codes of one recording: vqaudio decode"),
        (["decode", "CODES", "a.wav", "--out", "b.wav"], "holds the codes of one recording"),
        (["decode", "CODES", "a.wav", "--resume"], "holds the codes of one recording"),
        (["decode", "CODES", "a.mp3"], "a.mp3: give it a name that ends in .wav"),
        (["decode", "CODES", "a.wav", "--codebooks", "4"], "holds 3 codebooks; --codebooks must be 1 to 3, got 4"),
        (["decode", "CODES", "a.wav", "--codec", "units-16k"], "these codes were made by tiny"),
        (["decode", "AUDIO", "a.wav"], "is no .codes file, which alone becomes one wav file; wanted --out WAV_DIR"),
        (["decode", "tokens"], "wanted a folder for the wav files: --out WAV_DIR"),
    ],
)
def test_what_cannot_be_done_is_answered_in_a_sentence(
    encode, recording, tmp_path, monkeypatch, capsys, arguments, sentence
):
    _, codes = encode(recording)
    monkeypatch.chdir(tmp_path)
    places = {"AUDIO": recording, "CODES": codes, "out.codes": "new.codes"}
    assert main([str(places.get(argument, argument)) for argument in arguments]) == 1
    assert sentence in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["out.codes"]
