"""Damaged Ogg files: what libsndfile leaves out in silence is told."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from vqaudio.audio import ogg
from vqaudio.audio.files import AudioReader
from vqaudio.audio.ogg import HEADER, OggStream, Page, SoundHeader, read_streams
from vqaudio.core.errors import VqaudioError

RATE_HZ = 16_000
SUBTYPES = ("VORBIS", "OPUS")


def write(path: Path, subtype: str, seconds: float = 8.0, rate_hz: int = RATE_HZ, seed: int = 0) -> bytes:
    noise = 0.05 * np.random.default_rng(seed).standard_normal(round(seconds * rate_hz))
    soundfile.write(path, noise, rate_hz, format="OGG", subtype=subtype)
    return path.read_bytes()


def read(path: Path) -> tuple[float, list[str]]:
    """The seconds that could be read and the warnings, or the error as a warning."""
    try:
        reader = AudioReader(path)
        return sum(map(len, reader)) / RATE_HZ, reader.warnings
    except VqaudioError as error:
        return 0.0, [str(error)]


def pages_in(content: bytes) -> list[bytes]:
    starts = [place for place in range(len(content)) if content.startswith(b"OggS\0", place)]
    return [content[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]


def flip_bytes(content: bytes, random: np.random.Generator) -> bytes:
    damaged = bytearray(content)
    for place in random.integers(len(content), size=random.integers(1, 8)):
        damaged[place] ^= random.integers(1, 256)
    return bytes(damaged)


def cut_a_piece(content: bytes, random: np.random.Generator) -> bytes:
    start = random.integers(len(content))
    return content[:start] + content[start + random.integers(1, len(content) // 3) :]


def leave_pages_out(content: bytes, random: np.random.Generator) -> bytes:
    pages = pages_in(content)
    return b"".join(page for page in pages if random.random() > 2 / len(pages))


def blank_a_piece(content: bytes, random: np.random.Generator) -> bytes:
    start = random.integers(len(content))
    length = min(len(content) - start, random.integers(1, 6_000))
    return content[:start] + bytes(length) + content[start + length :]


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("damage", [flip_bytes, cut_a_piece, leave_pages_out, blank_a_piece])
def test_sound_that_is_lost_is_never_lost_in_silence(tmp_path, subtype, damage):
    path = tmp_path / "a.ogg"
    whole = write(path, subtype)
    for seed in range(25):
        path.write_bytes(damage(whole, np.random.default_rng(seed)))
        seconds, warnings = read(path)
        assert warnings or abs(seconds - 8.0) < 0.02 * 8.0, f"{seed}: {seconds} s"


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_page_that_is_missing_is_counted_with_the_seconds_it_took(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    pages = pages_in(write(path, subtype, 12.0))
    path.write_bytes(b"".join(pages[:5] + pages[7:]))
    seconds, warnings = read(path)
    assert warnings == [f"damaged: {seconds:.2f} s of 12.00 s could be read; 2 pages missing"]


@pytest.mark.parametrize("subtype", SUBTYPES)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("num_samples", [1, 100, 961, 24_000, 400_001])
def test_whole_files_are_as_long_as_their_pages_say_and_give_no_warning(tmp_path, subtype, rate_hz, num_samples):
    path = tmp_path / "a.ogg"
    write(path, subtype, num_samples / rate_hz, rate_hz)
    streams = read_streams(path)
    assert sum(stream.length_s for stream in streams) == pytest.approx(num_samples / rate_hz, abs=1 / 48_000)
    assert read(path)[1] == []


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_chained_streams_sum_up_and_those_that_are_not_read_are_told(tmp_path, subtype):
    parts = [write(tmp_path / f"{seconds}.ogg", subtype, seconds) for seconds in (3.0, 2.0)]
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(parts))
    streams = read_streams(path)
    assert [stream.length_s for stream in streams] == [3.0, 2.0]
    seconds, warnings = read(path)
    said = "incomplete: 3.00 s of 5.00 s could be read; libsndfile reads the first of 2 chained streams"
    assert warnings == ([] if seconds == 5.0 else [said])


@pytest.mark.parametrize("subtype", SUBTYPES)
def test_a_stream_that_starts_above_zero_is_no_longer_for_that(tmp_path, subtype):
    """As one that was cut out of a broadcast: an hour is added to every granule position."""
    path, pages = tmp_path / "a.ogg", pages_in(write(tmp_path / "a.ogg", subtype))
    later = 3_600 * (48_000 if subtype == "OPUS" else RATE_HZ)
    path.write_bytes(b"".join(moved(page, later) for page in pages))
    (stream,) = read_streams(path)
    assert stream.num_missing == 0
    assert 7.0 < stream.length_s <= 8.0
    if subtype == "OPUS":
        assert stream.length_s == 8.0


def test_a_cut_out_stream_of_short_blocks_is_as_long_as_what_overlaps_on_its_page():
    """Each block but the first one gives half a block of sound."""
    for num_packets in (2, 5, 50):
        stream = OggStream(SoundHeader(RATE_HZ, blocks=(256, 2048)))
        stream.add(Page(0, 1_000_000, 1, 0, bytes([9]) * num_packets, bytes(9) * num_packets))
        assert round(stream.length_s * RATE_HZ) == (num_packets - 1) * 128


def moved(page: bytes, later: int) -> bytes:
    """The same page with another granule position and its checksum; pages of headers stay."""
    fields = list(HEADER.unpack_from(page))
    if fields[3] <= 0:
        return page
    fields[3], fields[6] = fields[3] + later, 0
    rest = page[HEADER.size :]
    fields[6] = ogg._checksum(HEADER.pack(*fields) + rest)
    return HEADER.pack(*fields) + rest


def test_pages_are_found_wherever_the_window_ends(tmp_path, monkeypatch):
    path = tmp_path / "a.ogg"
    write(path, "VORBIS", 20.0)
    wanted = read_streams(path)
    for num_bytes in (1_000, 65_307, 70_001):
        monkeypatch.setattr(ogg, "WINDOW_BYTES", num_bytes)
        assert read_streams(path) == wanted


def test_random_bytes_are_no_streams(tmp_path):
    random, path = np.random.default_rng(0), tmp_path / "a.ogg"
    for size in (0, 3, 4, 26, 27, 100, 100_000):
        path.write_bytes((b"OggS" + random.bytes(size))[: max(size, 3)])
        assert read_streams(path) == []
    path.write_bytes(b"OggS\0" * 50_000)
    assert read_streams(path) == []


def test_a_file_that_begins_a_page_at_every_few_bytes_is_given_up(tmp_path, monkeypatch):
    path = tmp_path / "a.ogg"
    pages = pages_in(write(path, "VORBIS", 8.0))
    bait = b"OggS\0" + b"\xff" * 22
    seen = []
    monkeypatch.setattr(ogg, "MAX_REFUSED", 500)
    monkeypatch.setattr(ogg, "_checksum", lambda page, honest=ogg._checksum: seen.append(page) or honest(page))
    path.write_bytes(b"".join(pages[:4]) + bait * 1_000 + b"".join(pages[4:]))
    assert [stream.has_end for stream in read_streams(path)] == [False]
    assert len(seen) <= len(pages) + ogg.MAX_REFUSED + 1
