"""FLAC files whose header promises fewer samples than there are."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio import flac
from vqaudio.audio.files import AudioReader, audio_info
from vqaudio.audio.flac import samples_held

TOTAL = slice(18, 26)  # of the file: the last 36 bits are the number of samples


def write(path: Path, num_samples: int, *, rate_hz: int = 16_000, channels: int = 1, subtype: str = "PCM_16") -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal((num_samples, channels))
    soundfile.write(path, noise, rate_hz, format="FLAC", subtype=subtype)


def promise(path: Path, num_samples: int) -> None:
    content = bytearray(path.read_bytes())
    fields = int.from_bytes(content[TOTAL], "big")
    content[TOTAL] = (fields >> 36 << 36 | num_samples).to_bytes(8, "big")
    path.write_bytes(content)


def read(path: Path) -> tuple[int, list[str]]:
    reader = AudioReader(path)
    return sum(map(len, reader)), reader.warnings


@pytest.mark.parametrize("num_samples", [4_097, 100_000])
@pytest.mark.parametrize("share", [0.001, 0.5, 0.99])
def test_a_header_that_promises_too_few_samples_is_warned_about(tmp_path, num_samples, share):
    path = tmp_path / "a.flac"
    write(path, num_samples)
    promise(path, round(num_samples * share))
    num_read, warnings = read(path)
    said = f"incomplete: {num_read / 16_000:.2f} s of {num_samples / 16_000:.2f} s could be read; "
    assert warnings == [said + "the FLAC header promises fewer samples than there are"]


def test_a_header_that_promises_nothing_is_allowed_and_all_is_read(tmp_path):
    write(tmp_path / "a.flac", 50_000)
    promise(tmp_path / "a.flac", 0)  # RFC 9639: the number is unknown, as in a stream
    assert read(tmp_path / "a.flac") == (50_000, [])
    assert audio_info(tmp_path / "a.flac").num_samples == 50_000


@pytest.mark.parametrize(
    ("rate_hz", "channels", "subtype"),
    [(8_000, 1, "PCM_S8"), (12_345, 1, "PCM_16"), (16_000, 1, "PCM_16"), (44_100, 2, "PCM_16"), (96_000, 8, "PCM_24")],
)
def test_whole_files_hold_what_they_promise(tmp_path, rate_hz, channels, subtype):
    for num_samples in (1, 15, 4_095, 4_096, 4_097, 30_001):
        path = tmp_path / f"{num_samples}.flac"
        write(path, num_samples, rate_hz=rate_hz, channels=channels, subtype=subtype)
        assert samples_held(path) == num_samples
        assert read(path)[1] == []


def test_a_long_file_is_known_by_its_end(tmp_path):
    num_samples = 4096 * 2100 + 7  # the numbers of its frames take one to three bytes
    soundfile.write(tmp_path / "a.flac", np.tile(np.arange(-50, 50, dtype=np.int16), num_samples)[:num_samples], 16_000)
    assert samples_held(tmp_path / "a.flac") == num_samples


def test_tags_after_the_last_frame_do_not_hide_it(tmp_path):
    path = tmp_path / "a.flac"
    write(path, 20_000)
    path.write_bytes(path.read_bytes() + b"TAG" + bytes(125))
    assert samples_held(path) == 20_000


def test_what_looks_like_a_frame_but_follows_none_does_not_count(tmp_path):
    path = tmp_path / "a.flac"
    write(path, 20_000)
    header = b"\xff\xf8\xc8\x08\x7f"  # 4096 samples at 48 kHz, the 127th block
    path.write_bytes(path.read_bytes() + header + bytes([flac._checksum(header)]) + bytes(100))
    assert samples_held(path) == 20_000


def test_random_bytes_hold_nothing(tmp_path):
    random, path = np.random.default_rng(0), tmp_path / "a.flac"
    write(path, 20_000)
    header = path.read_bytes()[:42]
    for content in (b"", b"fLaC", header, header + random.bytes(100_000), header + b"\xff\xf8" * 50_000):
        path.write_bytes(content)
        assert samples_held(path) is None


def coded(number: int) -> bytes:
    """A number as UTF-8 codes characters, which goes on to 36 bits here."""
    if number < 0x80:
        return bytes([number])
    num_bytes = next(count for count in range(2, 8) if number < 1 << (5 * count + 1))
    tail = [0x80 | number >> 6 * place & 0x3F for place in reversed(range(num_bytes - 1))]
    return bytes([0xFF << 8 - num_bytes & 0xFF | number >> 6 * (num_bytes - 1), *tail])


def frame(
    number: int, code: int, length: bytes = b"", *, rate: int = 8, odd: int = 0, is_variable: bool = True
) -> bytes:
    """The header of a frame (RFC 9639, section 9.1), and some bytes that are none."""
    header = bytes([0xFF, 0xF8 | is_variable, code << 4 | rate, 0x08 | odd]) + coded(number) + length
    return header + bytes([flac._checksum(header)]) + bytes(20)


LENGTHS = [(1, b"", 192), (2, b"", 576), (5, b"", 4_608), (6, b"\x63", 100), (7, b"\x03\xe7", 1_000), (8, b"", 256)]
LENGTHS += [(12, b"", 4_096), (15, b"", 32_768)]


@pytest.mark.parametrize("kind", [b"\0", b"\x80"])  # whether other metadata follows
def test_frames_of_every_length_follow_each_other_by_their_first_sample(tmp_path, kind):
    write(tmp_path / "a.flac", 100)
    content = (tmp_path / "a.flac").read_bytes()
    start, frames = 0, b""
    for code, length, num_samples in LENGTHS * 3:
        frames += frame(start, code, length)
        start += num_samples
    path = tmp_path / "b.flac"
    path.write_bytes(content[:4] + kind + content[5:42] + frames)
    assert samples_held(path) == start
    # What is damaged, or begins again, does not count.
    broken = bytearray(frame(start, 12))
    broken[5] ^= 1
    for more in (bytes(broken), frame(start, 12, rate=15), frame(start, 12, odd=1), frame(start, 0), frame(0, 1)):
        path.write_bytes(content[:4] + kind + content[5:42] + frames + more)
        assert samples_held(path) == start
    path.write_bytes(content[:4] + kind + content[5:42] + frames + frame(start, 1))
    assert samples_held(path) == start + 192


@pytest.mark.parametrize("number", [0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFFF, 0x1F_FFFF, 0x3FF_FFFF, 0x7FFF_FFFF, 2**36 - 1])
def test_numbers_of_frames_have_up_to_36_bits(number):
    header = (b"\xff\xf9\xc8\x08" + coded(number)).ljust(16, b"\0")
    assert flac._coded_number(header) == (number, 4 + len(coded(number)))
    for byte in (0x80, 0xBF, 0xFF):  # what no number begins with
        assert flac._coded_number(header[:4] + bytes([byte]) + header[5:])[0] is None
    if number > 0x7F:
        assert flac._coded_number(header[:5] + b"\x00" + header[6:])[0] is None
