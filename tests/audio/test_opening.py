import os
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio.files import AudioReader, read_audio
from vqaudio.core.errors import VqaudioError

TONE = (0.3 * np.sin(np.arange(48_000) / 7)).astype(np.float32)


def warnings_of(path: Path, start_s: float = 0.0, end_s: float | None = None) -> list[str]:
    reader = AudioReader(path, start_s=start_s, end_s=end_s)
    for _ in reader:
        pass
    return reader.warnings


def wav_with_header(path: Path, *, rate_hz=16_000, channels=1, data_bytes=96_000, body=b"\1\0" * 48_000) -> Path:
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, 32_000, 2, 16)
    riff_bytes = min(36 + data_bytes, 0xFFFFFFFF)
    path.write_bytes(
        b"RIFF"
        + struct.pack("<I", riff_bytes)
        + b"WAVEfmt \x10\0\0\0"
        + fmt
        + b"data"
        + struct.pack("<I", data_bytes)
        + body
    )
    return path


def cut_in_half(path: Path) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.wav", b"", "empty, 0 bytes"),
        ("text.wav", b"hello, I am a text\n" * 40, "not audio"),
        ("zip.flac", b"PK\3\4" + bytes(500), "not audio"),
        ("noise.mp3", np.random.default_rng(0).bytes(20_000), "not audio"),
        ("tag.mp3", b"ID3\4\0\0\0\0\1\0" + bytes(300), "not audio"),
        ("cut.wav", b"RIFF\x24\x77\1\0WAVEfmt ", "not audio"),
        ("samples.raw", bytes(1_000), "without a header"),
    ],
)
def test_what_is_no_audio_is_refused_with_its_path_and_a_reason(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(VqaudioError, match=said) as caught:
        read_audio(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "pipe" not in str(caught.value)  # libsndfile's words for an MP3 file without a frame lead astray


@pytest.mark.parametrize("suffix", [".m4a", ".webm", ".wma", ".MP4"])
def test_formats_that_libsndfile_lacks_want_ffmpeg_where_there_is_none(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("PATH", "")
    path = tmp_path / f"-my talk{suffix}"
    path.write_bytes(b"\0\0\0\x20ftypM4A " + bytes(1_000))
    said = f"{path}: libsndfile does not read {suffix.lower()}, and ffmpeg, which does, is not installed; try: apt-get"
    with pytest.raises(VqaudioError, match=re.escape(said)):
        read_audio(path)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"rate_hz": 2_147_483_647}, "2147483647 Hz"),
        ({"rate_hz": 999}, "999 Hz"),
        ({"rate_hz": 1_000_001}, "1000001 Hz"),
        ({"rate_hz": 0}, "not audio"),
        ({"channels": 0}, "not audio"),
        ({"channels": 257, "body": bytes(514)}, "257 channels"),
        ({"channels": 1_000}, "1000 channels"),
        ({"data_bytes": 0, "body": bytes(955)}, "holds no samples"),
        ({"data_bytes": 0, "body": bytes(956)}, "has 1000 bytes; convert it first"),
        ({"data_bytes": 0, "body": b""}, "holds no samples"),
        ({"data_bytes": 0}, "has 96044 bytes; convert it first: ffmpeg"),
    ],
)
def test_headers_that_make_no_sense_are_refused(tmp_path, header, said):
    with pytest.raises(VqaudioError, match=said):
        read_audio(wav_with_header(tmp_path / "a.wav", **header))


@pytest.mark.parametrize("header", [{"rate_hz": 1_000}, {"rate_hz": 1_000_000}, {"channels": 256}])
def test_the_lowest_and_the_highest_that_make_sense_are_read(tmp_path, header):
    path = wav_with_header(tmp_path / "a.wav", data_bytes=5_120, body=b"\1\0" * 2_560, **header)
    assert len(read_audio(path, 16_000)) >= 1


@pytest.mark.parametrize(("more", "is_told"), [(0, False), (8, False), (16, False), (18, True)])
def test_a_header_that_counts_itself_wrongly_is_no_truncation(tmp_path, more, is_told):
    path = wav_with_header(tmp_path / "a.wav", data_bytes=96_000 + more)
    assert any("truncated" in warning for warning in warnings_of(path)) is is_told


def test_missing_files_folders_and_pipes_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for name, said in (("pipe.wav", "not a regular file"), (".", "not a regular file"), ("none.wav", "No such file")):
        with pytest.raises(VqaudioError, match=said):
            read_audio(tmp_path / name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_says_so(tmp_path):
    wav_with_header(tmp_path / "a.wav").chmod(0)
    with pytest.raises(VqaudioError, match="Permission denied"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("name", "kind", "subtype"),
    [
        ("a.wav", "WAV", "PCM_16"),
        ("a.wav", "WAVEX", "FLOAT"),
        ("a.wav", "RF64", "PCM_16"),
        ("a.wav", "WAV", "MS_ADPCM"),
        ("a.aiff", "AIFF", "PCM_16"),
        ("a.au", "AU", "PCM_16"),
        ("a.w64", "W64", "PCM_16"),
        ("a.mp3", "MP3", "MPEG_LAYER_III"),
        ("a.opus", "OGG", "OPUS"),
    ],
)
def test_half_a_file_is_read_and_warned_about_and_a_whole_one_is_not(tmp_path, name, kind, subtype):
    path = tmp_path / name
    tone = np.tile(TONE, 4) if kind == "OGG" else TONE  # several pages
    soundfile.write(path, tone, 16_000, format=kind, subtype=subtype)
    assert warnings_of(path) == []
    assert any("truncated" in warning for warning in warnings_of(cut_in_half(path)))


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3"])
@pytest.mark.parametrize("segment", [{"end_s": 1.0}, {"start_s": 1.0}, {"start_s": 1.0, "end_s": 2.0}])
def test_a_part_of_a_whole_file_is_read_without_a_warning(tmp_path, name, segment):
    soundfile.write(tmp_path / name, TONE, 16_000)
    assert warnings_of(tmp_path / name, **segment) == []


def test_a_twentieth_missing_of_an_mp3_is_warned_about(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.tile(TONE, 8), 16_000)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 19 // 20])
    assert any("truncated" in warning for warning in warnings_of(path))


def test_half_a_flac_file_is_refused_with_the_time_of_the_damage(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, np.tile(TONE, 6), 16_000)
    with pytest.raises(VqaudioError, match=r"damaged after \d+\.\d\d s: libsndfile says: .*sync"):
        read_audio(cut_in_half(path))


def test_a_streamed_wav_of_unknown_length_is_read_without_a_warning(tmp_path):
    for size in (0xFFFFFFFF, 0x7FFFFFFF):
        path = wav_with_header(tmp_path / "a.wav", data_bytes=size)
        assert warnings_of(path) == []
        assert len(read_audio(path)) == 48_000


def test_bytes_after_the_samples_are_no_truncation(tmp_path):
    path = wav_with_header(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes() + b"garbage" * 100)
    assert warnings_of(path) == []
    assert len(read_audio(path)) == 48_000


def test_the_content_counts_not_the_suffix(tmp_path):
    soundfile.write(tmp_path / "a.flac", TONE, 16_000)
    (tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert len(read_audio(tmp_path / "a.wav")) == 48_000
