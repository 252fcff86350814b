"""`vqaudio convert` and `vqaudio decode --speaker` from outside."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.cli.main import main
from vqaudio.cli.recordings.convert import choose_paths
from vqaudio.core.errors import VqaudioError
from vqaudio.jobs.sources import Source


@pytest.fixture(scope="module")
def voiced_codec(make_voiced_codec, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a codec that hears voices and knows `ada`."""
    from vqaudio.codec.saving import save_codec

    folder = tmp_path_factory.mktemp("codec") / "voiced"
    save_codec(make_voiced_codec(known=("ada",)), folder)
    return folder


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "in.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 22_050), 44_100)
    return path


def test_a_recording_becomes_one_of_the_same_length_in_a_known_voice(
    voiced_codec: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.wav"
    assert main(["convert", str(recording), "--to", "ada", "--out", str(out), "--codec", str(voiced_codec)]) == 0
    assert (soundfile.info(out).samplerate, soundfile.info(out).frames) == (16_000, 8_000)
    assert "1 of 1 recordings in speaker ada, known to voiced" in capsys.readouterr().out


def test_the_voice_of_a_recording_is_another_one(voiced_codec: Path, recording: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "other.wav", np.random.default_rng(1).normal(0, 0.01, 16_000), 16_000)
    sounds = []
    for name, to in (("1.wav", "ada"), ("2.wav", str(tmp_path / "other.wav"))):
        command = ["convert", str(recording), "--to", to, "--codec", str(voiced_codec), "--quiet"]
        assert main([*command, "--out", str(tmp_path / name)]) == 0
        sounds.append(soundfile.read(tmp_path / name)[0])
    assert not np.array_equal(*sounds)


def test_a_folder_is_converted_and_what_cannot_be_read_is_named(
    voiced_codec: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "wavs"
    (folder / "sub").mkdir(parents=True)
    recording.rename(folder / "sub" / "a.flac.wav")
    (folder / "broken.wav").write_text("no sound")
    command = ["convert", str(folder), "--to", "ada", "--out", str(tmp_path / "out"), "--codec", str(voiced_codec)]
    assert main(command) == 2
    told = capsys.readouterr().out
    assert "1 of 2 recordings" in told
    assert "left out" in told
    assert [path.name for path in (tmp_path / "out").rglob("*.wav")] == ["a.flac.wav"]


def test_nothing_is_overwritten_unasked_and_the_recording_never(
    voiced_codec: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = recording.read_bytes()
    command = ["convert", str(recording), "--to", "ada", "--codec", str(voiced_codec), "--out"]
    (tmp_path / "out.wav").write_text("mine")
    assert main([*command, str(tmp_path / "out.wav")]) == 1
    assert main([*command, str(recording), "--overwrite"]) == 1
    assert main([*command, str(tmp_path)]) == 1
    assert "is a folder" in capsys.readouterr().err
    assert main([*command, str(tmp_path / "out.wav"), "--overwrite"]) == 0
    assert recording.read_bytes() == before


def test_a_codec_without_speakers_and_unknown_ids_are_refused_in_words(
    voiced_codec: Path, tiny_codec: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", str(recording), "--out", str(tmp_path / "out.wav"), "--to"]
    assert main([*command, "ada", "--codec", str(tiny_codec)]) == 1
    assert "tiny was trained without speakers" in capsys.readouterr().err
    assert main([*command, "eda", "--codec", str(voiced_codec)]) == 1
    assert "'eda' is not one of the 1 that this codec knows; near: ada" in capsys.readouterr().err
    assert not (tmp_path / "out.wav").exists()


def test_decode_speaks_as_it_is_told_and_says_who_speaks(
    voiced_codec: Path, recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "tokens"
    with_codec = ["--codec", str(voiced_codec)]
    assert main(["tokenize", str(recording), "--out", str(store), "--workers", "0", *with_codec]) == 0
    capsys.readouterr()
    assert main(["decode", str(store), "--out", str(tmp_path / "nobody"), *with_codec]) == 0
    assert "voice     nobody in particular" in capsys.readouterr().out
    assert main(["decode", str(store), "--out", str(tmp_path / "ada"), *with_codec, "--speaker", "ada"]) == 0
    assert "voice     speaker ada" in capsys.readouterr().out
    ada, nobody = (soundfile.read(tmp_path / name / "in.wav")[0] for name in ("ada", "nobody"))
    assert not np.array_equal(ada, nobody)
    converted = tmp_path / "converted.wav"
    assert main(["convert", str(recording), "--to", "ada", "--out", str(converted), *with_codec]) == 0
    assert np.array_equal(soundfile.read(converted)[0], ada)


def test_info_counts_the_known_speakers(voiced_codec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(voiced_codec)]) == 0
    assert "1, known by name: ada" in capsys.readouterr().out


def test_a_recording_gets_the_name_asked_for_and_a_folders_each_their_own(tmp_path: Path) -> None:
    sources = [Source(name, str(tmp_path / "in" / name)) for name in ("a.flac", "s/b.mp3")]
    (tmp_path / "in" / "s").mkdir(parents=True)
    for source in sources:
        Path(source.path).touch()
    one, out = Path(sources[0].path), tmp_path / "out"
    assert choose_paths(one, sources[:1], out / "x.wav", is_overwriting=False) == {"a.flac": out / "x.wav"}
    wanted = {"a.flac": out / "a.wav", "s/b.mp3": out / "s" / "b.wav"}
    assert choose_paths(tmp_path / "in", sources, out, is_overwriting=False) == wanted
    (out / "s").mkdir(parents=True)
    (out / "s" / "b.wav").touch()
    with pytest.raises(VqaudioError, match=r"b\.wav is there already; .*--overwrite"):
        choose_paths(tmp_path / "in", sources, out, is_overwriting=False)
    assert choose_paths(tmp_path / "in", sources, out, is_overwriting=True) == wanted
    for is_overwriting in (False, True):
        with pytest.raises(VqaudioError, match=r"out is a folder; wanted the name of a wav file"):
            choose_paths(one, sources[:1], out, is_overwriting=is_overwriting)
        with pytest.raises(VqaudioError, match="never the recording"):
            choose_paths(one, sources[:1], one, is_overwriting=is_overwriting)


def test_pitch_is_moved_or_kept_and_refused_where_there_is_none(
    make_voiced_codec, voiced_codec: Path, voice, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from vqaudio.codec.saving import save_codec

    for name, f0_hz in (("low.wav", 100.0), ("high.wav", 240.0)):
        soundfile.write(tmp_path / name, voice(np.full(16_000, f0_hz)), 16_000)
    save_codec(make_voiced_codec(pitch_steps=16), tmp_path / "pitched")
    sounds = {}
    for pitch in ("target", "source"):
        out = tmp_path / f"{pitch}.wav"
        command = ["convert", str(tmp_path / "low.wav"), "--to", str(tmp_path / "high.wav"), "--out", str(out)]
        assert main([*command, "--codec", str(tmp_path / "pitched"), "--pitch", pitch, "--quiet"]) == 0
        sounds[pitch] = soundfile.read(out)[0]
    assert len(sounds["target"]) == len(sounds["source"]) == 16_000
    assert not np.array_equal(sounds["target"], sounds["source"])
    command = ["convert", str(tmp_path / "low.wav"), "--to", "ada", "--out", str(tmp_path / "out.wav")]
    assert main([*command, "--codec", str(voiced_codec), "--pitch", "source"]) == 1
    assert "none to keep" in capsys.readouterr().err
