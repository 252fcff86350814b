"""Files that ffmpeg decodes: the samples of the same sound in a plain file, and what a program out of hand costs."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio import ffmpeg
from vqaudio.audio.files import AudioReader, audio_info, read_audio
from vqaudio.core.errors import VqaudioError

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def encode(source: Path, target: Path, *options: str) -> Path:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", "-i", str(source), *options, str(target)]
    subprocess.run(command, check=True, capture_output=True)
    return target


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    path = tmp_path / "plain.flac"
    soundfile.write(path, 0.2 * np.random.default_rng(0).standard_normal((60_000, 2)), 44_100, subtype="PCM_16")
    return path


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Puts a program of these lines of shell in ffmpeg's place, and gives a file that it is asked to read."""

    def put(lines: str) -> Path:
        (tmp_path / "bin").mkdir()
        (tmp_path / "bin" / "ffmpeg").write_text(f"#!/bin/sh\n{lines}\n")
        (tmp_path / "bin" / "ffmpeg").chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        (tmp_path / "talk.m4a").write_bytes(b"x")
        return tmp_path / "talk.m4a"

    return put


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.m4a", ("-c:a", "alac")), ("-a b:%d.MP4", ("-c:a", "alac")), ("a.mka", ("-c:a", "pcm_s16le")),
        ("a.mkv", ("-c:a", "flac")), ("a.mov", ("-c:a", "pcm_s16be")), ("a.wv", ("-c:a", "wavpack")),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, None), (0.31, 0.77), (1.0, None), (0.5, 9.0)])
def test_a_lossless_file_has_the_samples_and_the_report_of_a_plain_one(
    stereo: Path, tmp_path: Path, name: str, options: tuple[str, ...], start_s: float, end_s: float | None
) -> None:
    form = {"a.wv": "wv", "a.mka": "matroska", "a.mkv": "matroska"}.get(name, "mov")
    path = encode(stereo, tmp_path / "made", "-f", form, *options).rename(tmp_path / name)
    readers = [AudioReader(which, 16_000, 0.3, start_s=start_s, end_s=end_s) for which in (path, stereo)]
    decoded, plain = (np.concatenate(list(reader)) for reader in readers)
    assert np.array_equal(decoded, plain)
    assert readers[0].report == readers[1].report


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.aac", "aac"), ("a.webm", "libopus"), ("a.wma", "wmav2"), ("a.ac3", "ac3")]
)
def test_a_lossy_file_has_the_samples_of_what_ffmpeg_makes_of_it(tmp_path: Path, name: str, codec: str) -> None:
    times = np.arange(60_000) / 48_000
    soundfile.write(tmp_path / "plain.wav", 0.3 * np.sin(2 * np.pi * 440 * times), 48_000)
    path = encode(tmp_path / "plain.wav", tmp_path / name, "-c:a", codec)
    wanted = read_audio(encode(path, tmp_path / "decoded.wav", "-c:a", "pcm_f32le"))
    assert np.array_equal(read_audio(path), wanted)
    assert 18_000 < len(wanted) < 22_000
    assert 0.15 < float(np.sqrt(np.mean(np.square(wanted)))) < 0.25


@needs_ffmpeg
def test_what_holds_no_sound_or_is_cut_is_told(stereo: Path, tmp_path: Path) -> None:
    whole = encode(stereo, tmp_path / "whole.mka", "-c:a", "flac").read_bytes()
    (tmp_path / "cut.mka").write_bytes(whole[: len(whole) // 2])
    reader = AudioReader(tmp_path / "cut.mka")
    assert 5_000 < sum(map(len, reader)) < 16_000
    assert "File ended prematurely" in " ".join(reader.warnings)
    (tmp_path / "words.m4a").write_text("words " * 99)
    with pytest.raises(VqaudioError, match=r"words\.m4a: ffmpeg cannot read it \(exit status 1\): Invalid data found"):
        read_audio(tmp_path / "words.m4a")
    with pytest.raises(VqaudioError, match="only reading it to its end tells how long it is"):
        audio_info(tmp_path / "cut.mka")


@needs_ffmpeg
def test_a_list_of_other_files_is_not_followed(stereo: Path, tmp_path: Path) -> None:
    sound = encode(stereo, tmp_path / "sound.ts", "-c:a", "mp2", "-f", "mpegts")
    lists = {
        "hls.m4a": f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{sound}\n#EXT-X-ENDLIST\n",
        "concat.m4a": f"ffconcat version 1.0\nfile {sound.name}\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(VqaudioError, match="ffmpeg cannot read it"):
            read_audio(tmp_path / name)


def test_a_program_that_says_nothing_is_ended(program, monkeypatch: pytest.MonkeyPatch) -> None:
    path = program("exec sleep 1000")
    monkeypatch.setattr(ffmpeg, "PATIENCE_S", 0.2)
    start_s = time.monotonic()
    with pytest.raises(VqaudioError, match=r"talk\.m4a: ffmpeg gave nothing for 0\.2 s and was ended"):
        read_audio(path)
    assert time.monotonic() - start_s < 100


def test_a_program_that_dies_in_the_middle_is_told_with_its_last_words(program) -> None:
    header = r"printf '.snd\0\0\0\034\377\377\377\377\0\0\0\006\0\0\076\200\0\0\0\001xxxx\0\0\0\0\0\0\0\0'"
    path = program(f"{header}; echo '[aac @ 0x55] channel element 3.4 is not allocated' >&2; kill -9 $$")
    with pytest.raises(VqaudioError, match=r"ffmpeg cannot read it \(signal 9\): channel element 3\.4 is not alloc"):
        read_audio(path, 16_000)


@pytest.mark.parametrize("output", ["", "printf words", "head -c 9999 /dev/zero"])
def test_what_are_no_samples_is_refused(program, output: str) -> None:
    with pytest.raises(VqaudioError, match=r"talk\.m4a: ffmpeg (gave no samples that are known|cannot read it)"):
        read_audio(program(output))


def test_the_program_has_bounds_and_opens_one_file_alone(program) -> None:
    path = program('sleep 0.5; echo "$(ulimit -v) $(ulimit -t) $(ulimit -f) $# $*" >&2; exit 3')
    with pytest.raises(VqaudioError) as caught:
        read_audio(path)
    said = str(caught.value).split(": ", 2)[-1].split()
    assert said[:2] == [str(ffmpeg.MAX_MEMORY_BYTES >> 10), str(ffmpeg.MAX_CPU_S)]
    assert said[2].isdigit()
    assert {"-nostdin", "-protocol_whitelist", "file,pipe", f"file:{path}"} <= set(said)
