"""Ogg page by page: what is counted, what is missing, and how much sound there is."""

from pathlib import Path

import pytest

from vqaudio.audio import ogg
from vqaudio.audio.ogg import IS_FIRST, IS_LAST, OggStream, Page, SoundHeader, ogg_warnings, read_streams

OPUS = SoundHeader(48_000, early_samples=312)
OPUS_HEAD = b"OpusHead\1\1" + (312).to_bytes(2, "little") + (16_000).to_bytes(4, "little") + b"\0\0\0"
TWENTY_MS = bytes([1 << 3])  # the first byte of an Opus packet of 960 samples


def page(number: int, granule: int = 0, flags: int = 0, body: bytes = b"") -> Page:
    return Page(flags, granule, 7, number, bytes([len(body)]), body)


def stream(*pages: Page, header: SoundHeader | None = OPUS) -> OggStream:
    found = OggStream(header)
    for one in pages:
        found.add(one)
    return found


def packed(number: int, *, serial: int = 7, flags: int = 0, granule: int = 0, body: bytes = b"x", version: int = 0):
    """A page as it stands in a file."""
    fields = (b"OggS", version, flags, granule, serial, number)
    head = ogg.HEADER.pack(*fields, 0, 1) + bytes([len(body)])
    return ogg.HEADER.pack(*fields, ogg._checksum(head + body), 1) + bytes([len(body)]) + body


def test_pages_between_two_numbers_are_missing_and_one_that_comes_again_is_not_counted():
    found = stream(page(0), page(1), page(1), page(2), page(5), page(0), page(6))
    assert (found.num_pages, found.num_missing) == (5, 2)


def test_a_stream_has_its_end_if_its_last_page_says_so():
    assert stream(page(0), page(1, flags=IS_LAST)).has_end
    assert not stream(page(0, flags=IS_LAST), page(1)).has_end
    assert stream(page(0), page(1, flags=IS_LAST), page(0)).has_end  # what came again says nothing


def test_the_length_is_that_between_the_first_and_the_last_position():
    first, last = page(2, 48_000 + 960, body=TWENTY_MS), page(3, 96_000)
    found = stream(page(0), page(1), first, last, page(4, -1))
    assert found.first_granule == 48_000
    assert found.length_s == (96_000 - 48_000 - 312) / 48_000
    assert stream(page(0), page(1), last, page(4, 50_000)).last_granule == 96_000
    assert stream(page(0), page(2, 960, body=TWENTY_MS)).first_granule == 0
    assert stream(page(0), page(2, 48_960, body=TWENTY_MS)).first_granule == 0  # what came before is lost
    assert stream(page(0), page(1, 100)).length_s == 0.0
    assert stream(page(0), first, header=None).length_s == 0.0


FRAMES = [480, 960, 1920, 2880] * 3 + [480, 960] * 2 + [120, 240, 480, 960] * 4  # RFC 6716, table 2


@pytest.mark.parametrize(("config", "samples"), [*enumerate(FRAMES)])
def test_opus_packets_are_as_long_as_the_rfc_says(config, samples):
    for code, num_frames in ((0, 1), (1, 2), (2, 2)):
        assert ogg._opus_samples(bytes([config << 3 | code, 9])) == num_frames * samples
    assert ogg._opus_samples(bytes([config << 3 | 3, 0xC0 | 3])) == 3 * samples
    assert ogg._opus_samples(bytes([config << 3 | 3])) == ogg._opus_samples(b"") == 0


def test_a_packet_ends_with_a_piece_below_255_bytes():
    body = bytes(range(256)) * 3
    assert [len(one) for one in Page(0, 0, 7, 0, bytes([255, 10, 0, 5, 255]), body).packets()] == [265, 0, 5]


def test_headers_say_the_rate_of_positions():
    assert ogg._sound_header(OPUS_HEAD) == OPUS
    vorbis = b"\1vorbis" + bytes(4) + b"\1" + (44_100).to_bytes(4, "little") + bytes(12) + bytes([0xB8, 1])
    assert ogg._sound_header(vorbis) == SoundHeader(44_100, blocks=(256, 2_048))
    assert ogg._sound_header(vorbis[:12] + bytes(4) + vorbis[16:]) is None
    assert ogg._sound_header(vorbis[:-1]) is ogg._sound_header(OPUS_HEAD[:-1]) is ogg._sound_header(b"fishead") is None


def test_damaged_pages_are_passed_over_and_a_file_full_of_them_is_given_up(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.ogg"
    broken = packed(9, body=b"yy")[:-1] + b"z"
    path.write_bytes(packed(0) + b"noise" + broken + packed(1, version=1) + packed(1) + broken + packed(2))
    assert [found.num_pages for found in read_streams(path)] == [3]
    monkeypatch.setattr(ogg, "MAX_REFUSED", 2)
    assert [found.num_pages for found in read_streams(path)] == [2]


def test_streams_are_told_apart_by_their_serial_and_their_first_page_up_to_a_number(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.ogg"
    parts = [packed(0, serial=serial, flags=IS_FIRST) for serial in (1, 2, 1, 3)]
    path.write_bytes(b"".join(parts) + packed(1, serial=1))
    assert [found.num_pages for found in read_streams(path)] == [1, 1, 2, 1]
    monkeypatch.setattr(ogg, "MAX_STREAMS", 2)
    assert [found.num_pages for found in read_streams(path)] == [1, 1]


def two_seconds(**changes) -> OggStream:
    found = OggStream(OPUS, num_pages=3, first_granule=0, last_granule=96_312, has_end=True)
    return OggStream(**{**vars(found), **changes})


@pytest.mark.parametrize(
    ("streams", "read_s", "said"),
    [
        ([two_seconds()], 1.95, []),
        ([two_seconds()], 1.85, ["incomplete: 1.85 s of 2.00 s could be read"]),
        ([two_seconds(), two_seconds()], 2.0,
         ["incomplete: 2.00 s of 4.00 s could be read; libsndfile reads the first of 2 chained streams"]),
        ([two_seconds(num_missing=4)], 1.0, ["damaged: 1.00 s of 2.00 s could be read; 4 pages missing"]),
        ([two_seconds(num_missing=1)], 3.0, ["damaged: 3.00 s of 3.00 s could be read; 1 pages missing"]),
        ([two_seconds(has_end=False)], 2.0, ["truncated: the Ogg stream has no end mark"]),
        ([two_seconds(), two_seconds(header=None, has_end=False)], 2.0, []),  # pictures and the like
        ([], 2.0, []),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_seconds(monkeypatch, streams, read_s, said):
    monkeypatch.setattr(ogg, "read_streams", lambda path: streams)
    assert ogg_warnings("a.ogg", read_s) == said
