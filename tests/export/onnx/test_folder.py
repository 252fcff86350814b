"""Exported codecs in onnxruntime: the codes of torch but for near ties, its sound, and states carried on."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from vqaudio.audio.files import read_audio
from vqaudio.codec.saving import open_codec
from vqaudio.codec.windows import encode_windows
from vqaudio.core.errors import VqaudioError
from vqaudio.export.onnx import script
from vqaudio.export.onnx.folder import (
    DECODER,
    ENCODER,
    FACTS,
    describe,
    export_codec,
    facts_of,
    write_decoder,
    write_encoder,
)
from vqaudio.export.onnx.graphs import DecoderGraph, EncoderGraph, flat
from vqaudio.jobs.stamps import stamp_of
from vqaudio.quantizers.finite_scalar import FiniteScalarConfig

NEAR = 1e-4  # of the squared distance to the nearest code: what last bits may decide
BLOCKED = "import sys; sys.modules['torch'] = None; sys.argv = sys.argv[1:]; import runpy; "
RUN = BLOCKED + "runpy.run_path(sys.argv[0], run_name='__main__')"


@pytest.fixture(scope="module")
def folder(codec, tmp_path_factory):
    out = tmp_path_factory.mktemp("onnx") / "new" / "small"
    export_codec(codec, out, stamp=stamp_of(codec))
    return out


def session_of(path):
    import onnxruntime

    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def encoded(path, facts, samples, *, window_frames, hop=320):
    """Codes `b k t` of samples `b n` in windows of any length, the batch as it is."""
    session, late = session_of(path), facts["lookahead_frames"]
    num_frames = -(-samples.shape[1] // hop)
    length = -(-(num_frames + late) // window_frames) * window_frames * hop
    audio = np.pad(samples, ((0, 0), (0, length - samples.shape[1])))[:, None]
    states = [np.full((len(samples), *state["shape"]), state["fill"], np.float32) for state in facts["state"]]
    names, parts = [state["name"] for state in facts["state"]], []
    for window in np.split(audio, length // (window_frames * hop), axis=-1):
        codes, *states = session.run(None, {"audio": window, **dict(zip(names, states, strict=True))})
        parts.append(codes)
    return np.concatenate(parts, axis=-1)[..., late : late + num_frames]


def num_near_ties(codec, audio, codes):
    """Compare codes `k t` with torch's for audio `n`; every difference must begin at a near tie.  Returns their number.

    A frame whose codes differ has a first codebook where they do: there the two codes are about equally far.
    """
    signal = torch.from_numpy(audio)[None, None]
    wanted, latents = encode_windows(codec.encoder, codec.quantizer, signal, window_frames=codec.window_frames)
    wanted, residuals = wanted[0].numpy(), latents.vectors[0].T.double()
    frames = np.flatnonzero((codes != wanted).any(axis=0))
    for frame in frames:
        residual = residuals[frame].clone()
        for number, layer in enumerate(codec.quantizer.layers):
            book = layer.codebook.vectors.double()
            mine, other = int(wanted[number, frame]), int(codes[number, frame])
            if mine != other:
                near, far = ((residual - book[code]).square().sum() for code in (mine, other))
                assert abs(far - near) < NEAR * near, (frame, number)
                break
            residual -= book[mine]
            if number == 0 and latents.level_offset is not None:
                residual += latents.level_offset[0, :, frame].double()
    return len(frames)


def test_codes_are_those_of_torch_whatever_the_windows_and_the_batch(codec, folder, speech):
    facts = json.loads((folder / FACTS).read_text())["encoder"]
    found = [encoded(folder / ENCODER, facts, speech, window_frames=size) for size in (10, 51, 7)]
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])
    for row, codes in zip(speech, found[0], strict=True):
        assert np.array_equal(encoded(folder / ENCODER, facts, row[None], window_frames=10)[0], codes)
        assert num_near_ties(codec, row, codes) <= 1


def test_the_state_is_what_holds_the_windows_together(codec, folder, speech):
    facts = json.loads((folder / FACTS).read_text())["encoder"]
    forgetful = np.concatenate(
        [encoded(folder / ENCODER, facts, part, window_frames=12) for part in np.split(speech[:1, :16_000], 5, axis=1)],
        axis=-1,
    )
    whole = encoded(folder / ENCODER, facts, speech[:1, :16_000], window_frames=12)
    assert (forgetful != whole).any(axis=1).mean() > 0.2


@pytest.mark.parametrize("num_samples", [1, 320, 3_200, 3_201, 16_123])
def test_run_py_goes_from_samples_to_codes_and_back_at_the_same_length(codec, folder, speech, num_samples):
    samples = speech[0, :num_samples]
    codes = script.encode(folder, samples)
    assert codes.shape == (3, -(-num_samples // 320))
    assert num_near_ties(codec, samples, codes) <= 1
    sound = script.decode(folder, codes, num_samples)
    wanted = codec.decode(codes, num_samples)[0, 0].numpy()
    assert sound.shape == wanted.shape
    np.testing.assert_allclose(sound, wanted, atol=1e-3 * np.abs(wanted).max())


def test_run_py_runs_without_torch(codec, folder, speech, tmp_path):
    soundfile.write(tmp_path / "in.wav", speech[0], 16_000, subtype="FLOAT")
    paths = [str(tmp_path / name) for name in ("in.wav", "out.npy", "out.wav")]
    subprocess.run([sys.executable, "-c", RUN, str(folder / "run.py"), *paths], check=True, cwd=tmp_path)
    assert np.array_equal(np.load(paths[1]), script.encode(folder, speech[0]))
    assert len(soundfile.read(paths[2])[0]) == speech.shape[1]
    soundfile.write(tmp_path / "in.wav", speech[0], 8_000)
    done = subprocess.run([sys.executable, "-c", RUN, str(folder / "run.py"), *paths], capture_output=True, text=True)
    assert (done.returncode, "in.wav is of 8000 Hz, wanted 16000; resample it first" in done.stderr) == (1, True)


def test_the_folder_says_whose_it_is_and_how_late_codes_and_sound_come(codec, folder):
    facts = json.loads((folder / FACTS).read_text())
    assert facts["codec"] == stamp_of(codec).to_json()
    assert facts["encoder"]["lookahead_frames"] == codec.encoder.lookahead_frames
    assert facts["decoder"]["lookahead_frames"] == codec.decoder.lookahead_frames
    assert facts["decoder"]["speaker"] is None
    assert facts["encoder"]["state"][1] == {"name": "state_1", "shape": [1], "fill": -5.0}
    assert sorted(path.name for path in folder.iterdir()) == ["codec.json", "decoder.onnx", "encoder.onnx", "run.py"]
    for part in ("encoder", "decoder"):
        session, states = session_of(folder / facts[part]["file"]), facts[part]["state"]
        inputs = {value.name: value.shape for value in session.get_inputs()}
        assert all(inputs[state["name"]] == ["batch", *state["shape"]] for state in states)
        assert [value.name for value in session.get_outputs()][1:] == [f"next_{state['name']}" for state in states]


def test_a_codec_with_voices_speaks_with_the_one_that_is_given(make_voiced_codec, tmp_path):
    codec = make_voiced_codec()
    encoder, decoder = EncoderGraph(codec, 1), DecoderGraph(codec)
    write_decoder(decoder, codec, tmp_path / DECODER, 1)
    codes, sounds = np.random.default_rng(0).integers(0, 16, (1, 25)), []
    facts = facts_of(codec, encoder, decoder, stamp_of(codec))
    assert len(facts["decoder"]["speaker"]) == 4
    for voice in (facts["decoder"]["speaker"], [1.0, -2.0, 0.5, 1.5]):
        facts["decoder"]["speaker"] = voice
        (tmp_path / FACTS).write_text(json.dumps(facts))
        sounds.append(script.decode(tmp_path, codes, 8_000))
        wanted = codec.decode(codes, embeddings=torch.tensor([voice]))[0, 0].numpy()
        np.testing.assert_allclose(sounds[-1], wanted, atol=1e-3 * np.abs(wanted).max())
    assert not np.allclose(sounds[0], sounds[1], atol=1e-2 * np.abs(sounds[0]).max())


def test_a_codec_that_takes_pitch_is_refused_before_anything_is_written(make_voiced_codec, tmp_path):
    codec = make_voiced_codec(pitch_steps=8)
    with pytest.raises(VqaudioError, match="takes pitch beside the codes"):
        export_codec(codec, tmp_path / "out", stamp=stamp_of(codec))
    assert not (tmp_path / "out").exists()


def test_fewer_codebooks_are_the_first(codec, speech, tmp_path):
    audio, codes = torch.from_numpy(speech[:, None, :3_200]), []
    for num_codebooks in (2, 3):
        graph = EncoderGraph(codec, num_codebooks)
        state = [tensor.expand(3, *tensor.shape[1:]) for tensor in flat(graph.zero_state, graph.zero_state)]
        codes.append(graph(audio, *state)[0])
    assert torch.equal(codes[0], codes[1][:, :2])
    with pytest.raises(VqaudioError, match="num_codebooks is 4"):
        export_codec(codec, tmp_path / "out", 4, stamp=stamp_of(codec))


def test_grids_mirrored_decoders_and_encoders_without_a_stem_are_exported_too(make_codec, codec, speech, tmp_path):
    other = make_codec(
        replace(
            codec.config,
            encoder=replace(codec.config.encoder, widths=(4, 8), strides=(32, 10), dilations=((), (1,)), stem_window=0),
            quantizer=FiniteScalarConfig(levels=(5, 4)),
            decoder=replace(codec.config.decoder, kind="mirror", widths=(8, 8), strides=(20, 16), dilations=(1,)),
        )
    )
    export_codec(other, tmp_path, stamp=stamp_of(other))
    codes = script.encode(tmp_path, speech[0])
    wanted = other.encode(torch.from_numpy(speech[:1])[:, None])[0].numpy()
    assert (codes != wanted).mean() < 0.03
    sound = other.decode(codes, speech.shape[1])[0, 0].numpy()
    np.testing.assert_allclose(script.decode(tmp_path, codes, speech.shape[1]), sound, atol=1e-4 * np.abs(sound).max())


def test_ten_thousand_frames_of_speech_have_the_codes_of_torch(samples_dir, tmp_path):
    codec, graph = open_codec("speech-16k"), EncoderGraph(open_codec("speech-16k"), 8)
    write_encoder(graph, codec, tmp_path / ENCODER)
    voices = np.concatenate([read_audio(path) for path in sorted(samples_dir.rglob("*.flac"))])
    shifts = [(1.0, 0.0, 0), (0.3, 0.3, 50_000), (0.05, 0.0, 0), (0.5, 0.1, 300_000), (0.02, 0.4, 500_000)]
    mixed = [gain * voices + other * np.roll(voices, shift) for gain, other, shift in shifts]
    samples = np.concatenate(mixed)[: 10_000 * 320].astype(np.float32)
    facts = {"lookahead_frames": 0, "state": describe(graph.zero_state)}
    codes = encoded(tmp_path / ENCODER, facts, samples[None], window_frames=codec.window_frames)[0]
    assert codes.shape == (8, 10_000)
    assert num_near_ties(codec, samples, codes) <= 10


def test_without_the_libraries_the_extra_is_named(codec, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(VqaudioError, match=r"pip install 'vqaudio\[onnx\]'"):
        export_codec(codec, tmp_path / "out", stamp=stamp_of(codec))
    assert not (tmp_path / "out").exists()
